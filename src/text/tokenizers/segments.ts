// Tokenizers by the segmenter of the engine (ICU), which knows words of Chinese, Japanese, Thai, Khmer and others by dictionaries.
import type { Emit, Tokenizer } from '#text/token.js';
import { pieceEnds } from './pieces.js';

export interface SegmentWish {
  readonly locale: string;
  /** Signs and white space are words, too; `removepunct` drops them. */
  readonly keepsSigns: boolean;
  /** Pictures are words, which are none for the segmenter. */
  readonly keepsPictures?: boolean;
  /** A longer word is cut into parts of so many characters. */
  readonly lengthMax?: number;
}

const picture = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;

export function segmentTokenizer({ locale, keepsSigns, keepsPictures, lengthMax }: SegmentWish): Tokenizer {
  const segmenter = new Intl.Segmenter(locale, { granularity: 'word' });
  const isWord = ({ segment, isWordLike }: Intl.SegmentData): boolean =>
    keepsSigns || isWordLike === true || (keepsPictures === true && picture.test(segment));
  return {
    words(text: string, emit: Emit): void {
      let position = 0;
      let begin = 0;
      for (const end of pieceEnds(text)) {
        for (const found of segmenter.segment(text.slice(begin, end))) {
          if (!isWord(found)) continue;
          const at = begin + found.index;
          for (const part of partsOf(found.segment, lengthMax))
            emit(part.text, at + part.begin, at + part.begin + part.text.length, position++);
        }
        begin = end;
      }
    },
  };
}

interface Part {
  readonly text: string;
  readonly begin: number;
}

function partsOf(word: string, lengthMax: number | undefined): readonly Part[] {
  if (lengthMax === undefined || word.length <= lengthMax) return [{ text: word, begin: 0 }];
  const characters = [...word];
  const parts: Part[] = [];
  let begin = 0;
  for (let at = 0; at < characters.length; at += lengthMax) {
    const text = characters.slice(at, at + lengthMax).join('');
    parts.push({ text, begin });
    begin += text.length;
  }
  return parts;
}
