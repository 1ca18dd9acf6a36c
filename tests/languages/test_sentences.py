"""What checks, quizzes and pages say in other languages."""

import json
import re

import pytest

from lessons.make import translations
from stylelab import exercises, languages
from stylelab.exercises.checking.check import FALLBACK, RIGHT, USED, tell
from stylelab.exercises.quizzes import QUIZZES, form, unfolded
from stylelab.languages.sentences import HOLE, Phrases

pytestmark = pytest.mark.plain
LANGUAGES = languages.languages()
every_language = pytest.mark.parametrize("language", LANGUAGES)
HAN = r"[\u4e00-\u9fff]"
ENGLISH_WORDS = re.compile(r"(?<![\w`'.(])(?:the|and|of|is|are|it|that|with|for|not|each|every|one|its)(?![\w`'(])")
RULES = {
    rf"{HAN} +[A-Za-z0-9`]|[A-Za-z0-9`] +{HAN}": "no space between Chinese and Latin letters or digits",
    rf"{HAN}[,;:!?](?!\w)": "Chinese punctuation after Chinese",
    "图片|样式|代价函数|规范化|正规化|全变分|笔刷|您": "one word for one term",
}


def without_code(text: str) -> str:
    return re.sub(r"`[^`]*`|'[^']*'|\([^()]*\)", "", text)


@every_language
def test_every_sentence_has_a_translation_and_no_translation_has_lost_its_sentence(language):
    assert translations.unsaid(language) == []


def test_a_changed_sentence_is_named_and_its_translation_waits_to_be_filled_in(tmp_path, monkeypatch):
    monkeypatch.setattr("stylelab.languages.units.HERE", tmp_path)
    (tmp_path / "eo").mkdir()
    about = {"name": "Esperanto", "direction": "ltr", "untranslated": "*—*", "open_in": "▶"}
    (tmp_path / "eo" / "language.json").write_text(json.dumps(about), encoding="utf-8")
    (tmp_path / "eo" / "sentences").mkdir()
    monkeypatch.setattr(translations, "SPEAKERS", {"checks": ()})
    monkeypatch.setattr(translations, "sentences", lambda group: ["Keep the batch axis.", "Add them up."])
    translations.add_sentences("eo")
    path = tmp_path / "eo" / "sentences" / "checks.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"Keep the batch axis.": "", "Add them up.": ""}
    assert len(translations.unsaid("eo")) == 2
    path.write_text(json.dumps({"Keep the batch axis.": "Konservu.", "Add them up.": None}), encoding="utf-8")
    assert translations.unsaid("eo") == []
    monkeypatch.setattr(translations, "sentences", lambda group: ["Keep every axis.", "Add them up."])
    missing, gone = translations.unsaid("eo")
    assert "'Keep every axis.' has no translation" in missing and "'Keep the batch axis.' is no longer said" in gone
    translations.add_sentences("eo")
    assert json.loads(path.read_text(encoding="utf-8")) == {"Keep every axis.": "", "Add them up.": None}


def test_two_files_may_render_a_sentence_in_two_ways_and_a_page_by_itself_has_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("stylelab.languages.units.HERE", tmp_path)
    folder = tmp_path / "eo" / "sentences"
    folder.mkdir(parents=True)
    about = {"name": "Esperanto", "direction": "ltr", "untranslated": "*—*", "open_in": "▶"}
    (tmp_path / "eo" / "language.json").write_text(json.dumps(about), encoding="utf-8")
    monkeypatch.setattr(translations, "SPEAKERS", dict.fromkeys(("studio", "commands", *translations.ALONE), ()))
    monkeypatch.setattr(translations, "sentences", lambda group: ["Paint it.", "Stop."])
    (folder / "studio.json").write_text(json.dumps({"Paint it.": "Pentru.", "Stop.": "Haltu."}), encoding="utf-8")
    for name in translations.ALONE:
        (folder / f"{name}.json").write_text(json.dumps({"Paint it.": "Ekpentru."}), encoding="utf-8")
        assert translations.unsaid("eo") == [
            f"{name}.json: 'Stop.' has no translation: `units eo --add` adds it, to be filled in"
        ]
    translations.add_sentences("eo")
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    assert read["studio"] == {"Paint it.": "Pentru.", "Stop.": "Haltu."} and read["commands"] == {}
    assert all(read[name] == {"Paint it.": "Ekpentru.", "Stop.": "Haltu."} for name in translations.ALONE)


@every_language
def test_a_translation_has_the_holes_of_its_sentence(language):
    pairs = languages.read_sentences(language)
    wrong = [
        english
        for english, other in pairs.items()
        if other is not None and sorted(HOLE.findall(english)) != sorted(HOLE.findall(other))
    ]
    assert wrong == []


def test_chinese_sentences_keep_the_rules_of_writing():
    found = []
    pairs = {
        english: other for english, other in languages.read_sentences("zh").items() if other not in (None, english)
    }  # not "{1} ms"
    for other in pairs.values():
        found += [f"{why}: {other}" for pattern, why in RULES.items() if re.search(pattern, other)]
        found += (
            []
            if re.search(HAN, other) or not re.search(r"[A-Za-z]{3}(?!.{0,8}。$)", without_code(HOLE.sub("", other)))
            else [f"not Chinese: {other}"]
        )
    assert found == []


def hints(exercise) -> list[str]:
    return [exercise.title, *exercise.mistakes, *exercise.advice.values(), *(prop.hint for prop in exercise.properties)]


@pytest.mark.parametrize("name", exercises.EXERCISES)
def test_every_hint_of_an_exercise_is_said_in_chinese_also_within_other_sentences(name):
    exercise = exercises.find_exercise(name)
    assert [hint for hint in exercise.hints if not re.search(HAN, languages.say(hint, "zh"))] == []
    for hint in hints(exercise):
        for sentence in (hint, f"{hint} {FALLBACK}", f"Right for one input, but not for one image: {hint} {FALLBACK}"):
            said = languages.say(sentence, "zh")
            assert re.search(HAN, said) and not ENGLISH_WORDS.search(without_code(said)), (sentence, said)


@pytest.mark.parametrize("lesson", QUIZZES)
def test_a_quiz_is_asked_in_chinese(lesson, monkeypatch):
    monkeypatch.setenv("STYLELAB_LANGUAGE", "zh")
    html = unfolded(QUIZZES[lesson])
    text = re.sub(r"<code>.*?</code>|<[^>]*>", " ", html)
    assert not ENGLISH_WORDS.search(without_code(text)), ENGLISH_WORDS.search(without_code(text))
    assert "✓ 正确。" in text
    box = form(QUIZZES[lesson]).children[0]
    assert all(re.search(rf"{HAN}|\d", label) for label, _ in box.children[1].options)
    box.children[1].index = 0
    assert re.search(HAN, box.children[2].value)


def test_a_check_speaks_the_language_of_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("STYLELAB_LANGUAGE", raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)
    tell("gram_matrix", RIGHT, USED)
    assert capsys.readouterr().out == f"gram_matrix: right, {USED}\n"
    (tmp_path / ".stylelab-lessons.json").write_text('{"language": "zh"}')
    tell("gram_matrix", RIGHT, USED)
    assert capsys.readouterr().out.startswith("gram_matrix: 正确")


def test_the_language_is_chosen_by_the_environment_the_folder_or_jupyterlab(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("STYLELAB_LANGUAGE", raising=False)
    assert languages.current_language(tmp_path) == "en"
    settings = tmp_path / "lab/user-settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{\n    // Language locale\n    "locale": "zh_CN"\n}')
    assert languages.current_language(tmp_path) == "zh"
    (tmp_path / ".stylelab-lessons.json").write_text('{"language": "en"}')
    assert languages.current_language(tmp_path) == "en"
    for value, code in (("zh_CN.UTF-8", "zh"), ("zh-Hant", "zh"), ("fr", "en"), ("", "en")):
        monkeypatch.setenv("STYLELAB_LANGUAGE", value)
        assert languages.current_language(tmp_path) == code, value


PHRASES = Phrases(
    {
        "Shape {1}; expected {2}. {3}": "形状为{1}，应为{2}。{3}",
        " Add them up.": "把它们加起来。",
        "{1}, but not for {2}: {3}": "{1}，但对{2}不对：{3}",
        "Right for one input": "对一个输入正确",
        "the flat image": "平坦图像",
        "Use {{braces}}, {1}.": "用{{braces}}，{1}。",
        "ToTensor": None,
    }
)


@pytest.mark.parametrize(
    ("english", "other"),
    [
        ("Add them up.", "把它们加起来。"),
        ("Shape (3, 4); expected (4,). Add them up.", "形状为(3, 4)，应为(4,)。把它们加起来。"),
        ("Right for one input, but not for the flat image: Add them up.", "对一个输入正确，但对平坦图像不对：把它们加起来。"),
        ("Use {braces}, x{2}.", "用{braces}，x{2}。"),
        ("Add them up. Nobody knows this.", "把它们加起来。Nobody knows this."),
        ("Nobody knows this.", None),
        ("ToTensor", None),
        ("", None),
    ],
)
def test_sentences_are_found_whole_with_holes_and_in_parts(english, other):
    assert PHRASES.find(english) == other


def test_what_was_said_before_does_not_matter():
    sentence = "The value is 20.09 where 23.1 is right, 0.87 times as much."
    said = languages.say(f'{sentence} {FALLBACK} Stuck? Run `sl.hint("psnr")` in a cell of its own.', "zh")
    alone = languages.say(sentence, "zh")
    assert alone == "数值是20.09，而正确的是23.1，前者是后者的0.87倍。" and said.startswith(alone), said


def test_a_sentence_without_a_translation_stays_english():
    assert languages.say("Nobody has translated this.", "zh") == "Nobody has translated this."
