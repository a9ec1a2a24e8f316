# SPDX-License-Identifier: Apache-2.0
"""check_page.py FILE: fails unless FILE is well-formed HTML that asks for nothing from outside.

Tags nest (as HTML and, strictly, as XML), no id is used twice, nothing is loaded: scripts and images are in the file,
links stay in it, and the policy in its head names the digests of the scripts.
"""
import base64
import hashlib
import re
import sys
import xml.etree.ElementTree
from html.parser import HTMLParser

FORBIDDEN = {"link", "iframe", "object", "embed", "audio", "video", "form", "base"}


class Checker(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.problems = [], set(), []

    def check(self, tag, attrs):
        if tag in FORBIDDEN:
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            inside = (tag == "img" and name == "src" and value.startswith("data:image/png;base64,")) or (
                tag == "a" and name == "href" and value.startswith("#"))
            if name in ("src", "href", "xlink:href", "action") and not inside or name.startswith("on"):
                self.problems.append(f"<{tag} {name}={value}>")
            if name == "id" and value in self.ids:
                self.problems.append(f"id {value} twice")
            if name == "id":
                self.ids.add(value)

    def handle_starttag(self, tag, attrs):
        self.check(tag, attrs)
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.check(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} closes nothing")


text = open(sys.argv[1], encoding="utf-8", errors="strict").read()
checker = Checker()
checker.feed(text)
checker.close()
checker.problems += [f"<{tag}> is not closed" for tag in checker.open]
if "url(" in text.split("</style>")[0] or "@import" in text.split("</style>")[0]:
    checker.problems.append("the style sheet fetches")
scripts = re.findall("<script>(.*?)</script>", text, re.S)
if len(scripts) != 2 or text.count("<script") != 2:
    checker.problems.append(f"{len(scripts)} scripts")
for script in scripts:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()
    if f"&#39;sha256-{digest}&#39;" not in text.split("<style>")[0]:
        checker.problems.append(f"the policy does not allow sha256-{digest}")
xml.etree.ElementTree.fromstring(text.encode("utf-8"))
if checker.problems:
    sys.exit("\n".join(checker.problems))
