"""A worker's figures for Prometheus. Labels hold outcomes and versions, never anything of a message."""

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram

from worker.fleet import Prepared

REGISTRY = CollectorRegistry()

answered = Counter("clf_worker_jobs", "Jobs answered.", ["outcome", "version"], registry=REGISTRY)
dead = Counter("clf_worker_dead_letters", "Jobs given up.", ["reason"], registry=REGISTRY)
fenced = Counter("clf_worker_fenced", "Finished jobs another worker owned by then.", registry=REGISTRY)
cancelled = Counter("clf_worker_cancelled", "Finished jobs whose message was deleted by then.", registry=REGISTRY)
reclaimed = Counter("clf_worker_reclaimed", "Jobs taken over or taken back.", registry=REGISTRY)
vanished = Counter("clf_worker_vanished", "Entries that were pending but gone: lost data.", registry=REGISTRY)
rolled_back = Counter("clf_worker_rolled_back", "Versions taken back because they misbehaved.", registry=REGISTRY)
trouble = Counter("clf_worker_redis_errors", "Turns that Redis spoilt.", ["error"], registry=REGISTRY)
held = Gauge("clf_worker_held", "Jobs this worker holds.", registry=REGISTRY)
gen = Gauge("clf_worker_gen", "Number of the commit that is served.", registry=REGISTRY)
candidate = Enum(
    "clf_worker_candidate",
    "How far the version of a swap under way is.",
    states=[state.value or "none" for state in Prepared],
    registry=REGISTRY,
)
tokens = Counter("clf_worker_tokens", "Tokens computed: of texts, and padding.", ["kind"], registry=REGISTRY)
budget = Gauge("clf_worker_token_budget", "Padded tokens of a full batch.", registry=REGISTRY)
batch_texts = Histogram(
    "clf_worker_batch_texts", "Texts in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64), registry=REGISTRY
)
model_seconds = Histogram("clf_worker_model_seconds", "Seconds a batch took in the model.", registry=REGISTRY)
waited_seconds = Histogram(
    "clf_worker_waited_seconds",
    "Seconds from the queue's entry to the model.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
    registry=REGISTRY,
)
