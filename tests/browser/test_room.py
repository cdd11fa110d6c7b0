"""A teacher and two students in one room: in by link and by code; a guess and a question, revealed to all at once; the
teacher's second device."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import SLOW, click, knob, part, plane, press, says, sheet
from ui import text

ROOT = Path(__file__).resolve().parents[2]
FIT, QUESTION = "likelihood.fit", "likelihood.prediction"
EN, KO = text.Words("en"), text.Words("ko")


def marker(page: Page) -> Locator:
    """The code in the line above the page."""
    return part(page, "shell.room").locator("strong")


def test_a_lesson(serve, visit):
    base = serve(ROOT / "app.py")
    teacher = visit(f"{base}/likelihood?lang=en")
    press(teacher, "shell.room")
    press(teacher, "shell.room.start")
    teacher.locator(".room-code").wait_for()
    code = teacher.locator(".room-code").inner_text()
    expect(teacher.locator("[data-testid=stPopoverBody] code").first).to_have_text(f"{base}/likelihood?room={code}")
    says(teacher, "works on this computer only")

    one = visit(f"{base}/likelihood?{FIT}.mean=3&room={code}&lang=ko", width=820, theme="dark", has_touch=True)
    expect(marker(one)).to_have_text(code)
    one.wait_for_function("!location.search.includes('room=') && location.search.includes('fit.mean=3')")
    two = visit(f"{base}/likelihood?room=ZZZZZ&lang=en", width=400)
    says(two, "There is no room with this code")
    press(two, "shell.room")
    two.get_by_label("Code of a room").fill(f" {code[:2]}-{code[2:]}".lower())
    two.keyboard.press("Enter")
    expect(marker(two)).to_have_text(code, timeout=SLOW)
    two.keyboard.press("Escape")
    says(teacher, "^2 have joined$")
    teacher.get_by_text(EN.label("room.lead")).click()
    key = teacher.locator("[data-testid=stPopoverBody] code").last.inner_text()
    teacher.keyboard.press("Escape")

    press(teacher, f"{FIT}.ask")
    for student, (x, y) in ((one, (0.6, 0.7)), (two, (0.7, 0.6))):
        part(student, f"{FIT}.hand_in").wait_for(timeout=SLOW)  # nobody has touched this page
        before = knob(student, FIT, "normal").get_attribute("aria-valuetext")
        click(sheet(student, FIT, "dial"), x, y)
        expect(knob(student, FIT, "normal")).not_to_have_attribute("aria-valuetext", before)
        press(student, f"{FIT}.hand_in")
        expect(part(student, f"{FIT}.hand_in").locator("button").first).to_be_disabled(timeout=SLOW)
    says(teacher, "^2 of 2 have handed in$")
    expect(part(teacher, f"{FIT}.best")).to_have_count(0)
    part(two, "likelihood.surface.link").locator(".save").click()
    says(two, EN.label("scene.nothing"))  # its picture would give the answer away
    press(teacher, f"{FIT}.reveal")
    says(one, r"^짐작은 2개이고")
    says(two, r"^Guesses: 2\.")
    expect(plane(one, FIT).get_by_text(KO.words(f"{FIT}.class.mine"))).to_be_visible()

    part(one, QUESTION).get_by_text(KO.words(f"{QUESTION}.option.n"), exact=True).click()
    press(one, f"{QUESTION}.lock")
    says(one, KO.label("room.vote.wait"))
    one.reload()
    says(one, KO.label("room.vote.wait"))
    says(teacher, "^1 of 2 have locked in$")
    press(teacher, f"{QUESTION}.reveal")
    for student, t in ((one, KO), (two, EN)):
        says(student, t.label("room.vote.all", count=1, right=1))
        expect(part(student, QUESTION).locator("tr.right")).to_contain_text(t.words(f"{QUESTION}.option.n"))

    tablet = visit(f"{key}&lang=en", width=820, has_touch=True)
    expect(part(tablet, f"{FIT}.close")).to_be_visible(timeout=SLOW)
    tablet.wait_for_function("!location.search.includes('lead=')")
    press(tablet, "shell.room")
    press(tablet, "shell.room.leave")
    expect(marker(teacher)).to_have_count(0, timeout=SLOW)
    says(one, KO.label("room.ended", code=code))
    says(two, EN.label("room.ended", code=code))
    expect(marker(two)).to_have_count(0)
    expect(part(two, f"{QUESTION}.lock")).to_be_visible()
