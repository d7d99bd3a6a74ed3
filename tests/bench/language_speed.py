"""What telling the language costs and how often it errs: `python -m tests.bench.language_speed ENGLISH.jsonl...`.

The files' texts are taken for English; the foreign sentences below are our own. Prints JSON.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from classifier import languages

ROUNDS = 5
FOREIGN = """
Das ist leider schon wieder kaputt | Danke, das sieht richtig gut aus | Kann jemand bitte kurz drüberschauen?
Das Deployment ist schon wieder fehlgeschlagen | le build est encore cassé | Merci beaucoup, c'est parfait
On se voit demain à dix heures | Je n'en peux plus de ces réunions | No funciona el despliegue, otra vez
Gracias por la ayuda, todo funciona | Mañana subimos la nueva versión | Estoy harto de este error
Obrigado, ficou excelente | O servidor caiu de novo | Grazie mille, ottimo lavoro | Il server è di nuovo giù
Bedankt, dat ziet er goed uit | De server ligt er weer uit | Dziękuję, świetna robota | Serwer znowu nie działa
Tack, det ser bra ut | Servern ligger nere igen | Tak, det ser godt ud | Kiitos, hienoa työtä
Palvelin on taas alhaalla | Teşekkürler, harika olmuş | Sunucu yine çöktü | Děkuji, skvělá práce
Server zase nefunguje | спасибо, отлично работает | Сервер снова упал | これは壊れています | ありがとうございます
服务器又挂了 | 谢谢，做得很好 | 감사합니다 잘 됐네요 | 서버가 또 다운됐어요 | שרת נפל שוב | الخادم معطل مرة أخرى
Сервер знову не працює, вибачте
"""


def main(files: list[str]) -> None:
    texts = [json.loads(line)["text"] for file in files for line in Path(file).read_text().splitlines()]
    foreign = [sentence.strip() for line in FOREIGN.strip().splitlines() for sentence in line.split("|")]
    before = _resident_mb()
    started = time.perf_counter()
    languages.known_codes()
    loaded = time.perf_counter() - started
    rounds = [_seconds(texts) for _ in range(ROUNDS)]
    mistaken = [text for text in texts if languages.foreign(text, ("en",))]
    missed = [text for text in foreign if not languages.foreign(text, ("en",))]
    document = {
        "texts": len(texts),
        "load_ms": round(loaded * 1000, 1),
        "resident_mb": round(_resident_mb() - before, 1),
        "ms_a_text": round(statistics.median(rounds) / len(texts) * 1000, 4),
        "ms_a_text_lowest": round(min(rounds) / len(texts) * 1000, 4),
        "ms_a_text_highest": round(max(rounds) / len(texts) * 1000, 4),
        "english_called_foreign": len(mistaken),
        "foreign": len(foreign),
        "foreign_missed": len(missed),
        "examples": mistaken[:20],
        "missed": missed,
    }
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _seconds(texts: list[str]) -> float:
    started = time.process_time()
    for text in texts:
        languages.foreign(text, ("en",))
    return time.process_time() - started


def _resident_mb() -> float:
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(rows["VmRSS"].split()[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
