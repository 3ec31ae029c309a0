/** What a look-up of the result cache came to. A hit rate is hits over all but `stale`, which follows a miss. */
export type CacheLookup = "hit_kv" | "hit_isolate" | "hit_elsewhere" | "miss" | "stale" | "beside";
