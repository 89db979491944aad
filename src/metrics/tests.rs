//! What a scrape answers: every series that is described, from zero, harmless, and as promtool wants it.
