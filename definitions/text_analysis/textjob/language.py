"""A guess at a text's language, good enough to keep an English word list off other languages.

German "die" and "war", French "mal" or Spanish "once" mean something else in an English word list,
so the question is less "which language" than "is it English". The script decides first, then the
commonest function words, a few of which are in nearly every sentence.
"""

import re

ENGLISH = "en"

# Scripts that one language or a few share; the first match in order wins, so Japanese, which mixes
# kana with Chinese characters, comes before Chinese.
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)

# Words that are frequent in one of these languages; a word two of them share counts for both.
_FUNCTION_WORDS = {
    ENGLISH: "the and is it was to of in for this that with my i have not but on as you are be at a"
    " an do no me so from they all what or one when if by out up than more just its",
    "de": "der die das und ist nicht ich ein eine es mit auf für zu den dem sehr auch aber hat",
    "fr": "le la les et est pas je un une il de des du pour avec très mais sur qui que dans elle",
    "es": "el la los las y es no un una lo de del por para con muy pero que en se mi más como",
    "it": "il la lo gli e è non un una di del della per con molto ma che in mi ho più sono dopo",
    "pt": "o a os as e é não um uma de do da por para com muito mas que em se meu minha mais foi",
    "nl": "de het een en is niet ik van voor met op dat zeer maar ook te zijn na heb bij",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _FUNCTION_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)

# One shared or borrowed word makes no French review.
_FEWEST_VOTES = 2

_WORD = re.compile(r"[^\W\d_]+")
# The start of a text tells; reading all of a long one would not change the answer.
_ENOUGH = 2000


def guess(text: str) -> str:
    """Return the likely language code; a text without any hint counts as English."""
    words = _WORD.findall(text[:_ENOUGH].lower())
    joined = "".join(words)
    for language, script in _SCRIPTS:
        # A third, so that a product name in Latin letters does not outvote the sentence around it,
        # nor one borrowed character an English review.
        if 3 * len(script.findall(joined)) > len(joined):
            return language
    votes = dict.fromkeys(_FUNCTION_WORDS, 0)
    for word in words:
        for language in _LANGUAGES_OF.get(word, ()):
            votes[language] += 1
    # English is first in the table, and max keeps the first of equals.
    likely = max(votes, key=votes.__getitem__)
    return likely if votes[likely] >= _FEWEST_VOTES else ENGLISH
