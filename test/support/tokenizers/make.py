# Makes what is beside it: small tokenizers in the forms that models have, and what the package `tokenizers` of Python makes of texts by them.
# pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf; python make.py FOLDER
import io, json, os, random, sys, tempfile
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

out = sys.argv[1]
LINES = """The quick brown fox jumps over the lazy dog. Searching for words and vectors together is called hybrid search.
Die Datenbank speichert Texte und Vektoren, größere Wörter werden zerlegt. Straße, Übergröße, Äpfel.
La base de données garde les textes et les vecteurs. Où est l'élève ? Ça va très bien, merci.
База данных хранит тексты и векторы. Быстрая коричневая лиса прыгает через ленивую собаку.
数据库保存文本和向量。搜索引擎查找单词。我爱北京天安门。
データベースはテキストとベクトルを保存します。検索エンジン。
데이터베이스는 텍스트와 벡터를 저장합니다. 검색 엔진.
قاعدة البيانات تحفظ النصوص والمتجهات. البحث عن الكلمات.
ฐานข้อมูลเก็บข้อความและเวกเตอร์ การค้นหาคำ
डेटाबेस पाठ और वेक्टर रखता है। खोज इंजन।
don't can't we'll I'm they've 123 4567 3.14 e-mail http://example.org/a?b=c&d=1 foo_bar fooBar 😀 👨‍👩‍👧 🇩🇪 café naïve""".split("\n")

# Rules of SentencePiece, few, so that their table is small: wide letters, white space, what joins emoji, letters with loose accents.
rules = {chr(0xFF21 + at): chr(65 + at) for at in range(26)} | {chr(0xFF41 + at): chr(97 + at) for at in range(26)}
rules |= {c: " " for c in "\t\n\r\u00a0\u200b\u200d\u2028\u3000\ufeff"} | {c: "" for c in "\u0001\u0002\u001b"}
rules |= {"e\u0301": "é", "a\u0308": "ä", "o\u0308": "ö", "u\u0308": "ü", "ﬁ": "fi", "½": "1/2", "①": "1", "\u0e33": "\u0e4d\u0e32"}
code = lambda text: " ".join(f"{ord(c):X}" for c in text)
with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
    tsv.write("".join(f"{code(a)}\t{code(b)}\n" for a, b in rules.items()))
    tsv.flush()
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(LINES * 20), model_writer=made, vocab_size=320, model_type="unigram",
        character_coverage=0.98, hard_vocab_limit=False, normalization_rule_tsv=tsv.name, minloglevel=2)
proto = sentencepiece_model_pb2.ModelProto()
proto.ParseFromString(made.getvalue())
table = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
pieces = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")] + [(one.piece, round(one.score, 4)) for one in proto.pieces if one.type == 1]

def unigram(normalizer, cut):
    made = Tokenizer(models.Unigram(pieces, unk_id=3))
    made.normalizer, made.pre_tokenizer = normalizer, cut
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return made

def bytes_of(normalizer, cut, processor, special):
    made = Tokenizer(models.BPE())
    if normalizer: made.normalizer = normalizer
    made.pre_tokenizer = cut
    made.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=380, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    made.post_processor = processor
    return made

WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
tokenizers = {
    "xlm-roberta": unigram(table, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])),
    "bge-m3": unigram(normalizers.Sequence([table, normalizers.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Metaspace()),
    "roberta": bytes_of(None, pre_tokenizers.ByteLevel(add_prefix_space=False), processors.RobertaProcessing(("</s>", 2), ("<s>", 0)),
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
    "modernbert": bytes_of(normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False),
        processors.TemplateProcessing(single="[CLS]:0 $A:0 [SEP]:0", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]), ["[CLS]", "[SEP]"]),
    "qwen": bytes_of(normalizers.NFC(), pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), processors.Sequence([processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="$A <e>", special_tokens=[("<e>", 0)])]), ["<e>"]),
}

random.seed(5)
ranges = [(32, 127), (0xA0, 0x250), (0x370, 0x600), (0xE00, 0xE5C), (0x2000, 0x2070), (0x3040, 0x3100), (0x4E00, 0x9FFF), (0xFF01, 0xFF5F), (0x1F300, 0x1F650), (1, 32)]
words = [word for line in LINES for word in line.split()]
texts = LINES + ["", " ", "   before and behind   ", "<s> hello </s>", "cafe\u0301 a\u0308 ﬁ ½ ① ＡＢｃ", "ค\u0e33\u0e33", "👨\u200d👩\u200d👧\u200d👦", "a\r\nb\tc\u3000d", "a\u2581b", "x" * 70]
texts += ["".join(chr(random.randrange(*random.choice(ranges))) for _ in range(24)) for _ in range(25)]
texts += ["".join(random.choice(words)[: random.randrange(1, 9)] + random.choice([" ", "  ", "\n", "\t", "\u200b", "\u00a0", ""]) for _ in range(9)) for _ in range(15)]
os.makedirs(out, exist_ok=True)
for name, tokenizer in tokenizers.items():
    tokenizer.save(os.path.join(out, f"{name}.json"), pretty=False)
# Words that no text above has, far beyond what a model takes: what counts is the beginning, or the end.
long = {name: " ".join(random.choice(words) for _ in range(1500)) for name in ("words",)} | {"characters": "".join(random.choice(LINES[4]) for _ in range(5000))}
def ids(name, text, all=False): return tokenizers[name].encode(text, add_special_tokens=all).ids
with open(os.path.join(out, "answers.json"), "w") as file:
    json.dump({"texts": texts, "ids": {name: [ids(name, text) for text in texts] for name in tokenizers},
        "whole": {name: ids(name, "hybrid search", True) for name in tokenizers},
        "long": {kind: {"text": text, "first": {name: ids(name, text)[:512] for name in tokenizers}, "last": {name: ids(name, text)[-512:] for name in tokenizers}}
            for kind, text in long.items()}}, file, ensure_ascii=False, separators=(",", ":"))
