"""`drmadc plot RUN ...`: a page about a run, or about several of them, that opens offline."""
