// Which language a text is written in: by its script, and for Latin letters by the little words that make up a third of any text. Only
// the beginning of a text is looked at.

export interface Language {
  /** ISO 639-3. */
  readonly code: string;
  /** Names that identifiers of languages use, with their code. */
  readonly names: readonly string[];
}

const language = (code: string, ...names: string[]): Language => ({ code, names: [...names, code] });

const scripts: readonly (readonly [RegExp, Language])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, language('jpn', 'Japanese')],
  [/\p{Script=Hangul}/gu, language('kor', 'Korean')],
  [/\p{Script=Han}/gu, language('cmn', 'Mandarin', 'Chinese')],
  [/\p{Script=Arabic}/gu, language('ara', 'Arabic')],
  [/\p{Script=Thai}/gu, language('tha', 'Thai')],
  [/\p{Script=Devanagari}/gu, language('hin', 'Hindi')],
  [/\p{Script=Hebrew}/gu, language('heb', 'Hebrew')],
  [/\p{Script=Greek}/gu, language('ell', 'Greek')],
  [/\p{Script=Tamil}/gu, language('tam', 'Tamil')],
  [/\p{Script=Bengali}/gu, language('ben', 'Bengali')],
  [/[іїєґ]/giu, language('ukr', 'Ukrainian')],
  [/\p{Script=Cyrillic}/gu, language('rus', 'Russian')],
];

const latin: readonly (readonly [Language, string])[] = [
  [
    language('eng', 'English'),
    'the and of to in is that it for was with on as are be this by have from or at not they but an which you we',
  ],
  [
    language('deu', 'German'),
    'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie',
  ],
  [
    language('fra', 'French'),
    'le la les de des et un une du en est que pour dans qui sur pas au avec il ce plus par se ne sont nous vous',
  ],
  [
    language('spa', 'Spanish'),
    'el la los las de que y en un una es del se por con para no su al lo como más pero sus le ya este muy',
  ],
  [
    language('ita', 'Italian'),
    'il lo la gli di che e un una in è per con non del della dei si da come sono al nel anche più ma alla questo',
  ],
  [
    language('por', 'Portuguese'),
    'o os a as de que e um uma em do da não para com por mais dos se na no foi como ao mas também pelo são',
  ],
  [
    language('nld', 'Dutch'),
    'de het een en van in is dat op te met voor niet zijn aan er om ook als bij maar uit door naar dan nog heeft',
  ],
  [
    language('swe', 'Swedish'),
    'och att det en som är på för av med den till inte om ett har de jag han var men från så kan vi när',
  ],
  [
    language('dan', 'Danish'),
    'og at det en er til på af for den med de ikke som der har et jeg han var men om vi hun fra også',
  ],
  [
    language('nob', 'Norwegian', 'Bokmal', 'nor'),
    'og det er på som til en av for med at den har ikke et de jeg var han men om fra vi etter også',
  ],
  [
    language('fin', 'Finnish'),
    'ja on ei se että oli hän mutta ovat kun niin myös joka sen mitä tai kuin ole olla nyt jos vain',
  ],
  [
    language('hun', 'Hungarian'),
    'a az és hogy nem is egy van ez de meg csak volt el már mint még ha azt vagy kell lesz',
  ],
  [
    language('tur', 'Turkish'),
    've bir bu da de için ile çok ne daha gibi olarak ama kadar olan var mi her sonra en',
  ],
];

const words = new Map<string, number[]>();
for (const [at, [, text]] of latin.entries())
  for (const word of text.split(' ')) words.set(word, [...(words.get(word) ?? []), at]);

/** Characters that are looked at. */
const LOOKED_AT = 2048;

/** @returns undefined where nothing speaks for one */
export function detectLanguage(text: string): Language | undefined {
  const beginning = text.slice(0, LOOKED_AT);
  const letters = beginning.match(/\p{L}/gu)?.length ?? 0;
  for (const [script, found] of scripts) {
    const count = beginning.match(script)?.length ?? 0;
    // Japanese has a kana in every few characters of Han, and no other of these scripts is shared.
    const part = found.code === 'jpn' || found.code === 'ukr' ? 0.05 : 0.4;
    if (count > 0 && count >= letters * part) return found;
  }
  return latinLanguage(beginning);
}

function latinLanguage(text: string): Language | undefined {
  const counts = new Float64Array(latin.length);
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
    const languages = words.get(word) ?? [];
    // A word of many languages says less.
    for (const at of languages) counts[at] = (counts[at] ?? 0) + 1 / languages.length;
  }
  let best = -1;
  for (const [at, count] of counts.entries()) if (count > 0 && count > (counts[best] ?? 0)) best = at;
  return latin[best]?.[0];
}
