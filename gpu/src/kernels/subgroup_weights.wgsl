// Of DEPTH rows and WIDTH channel blocks of weights, those that a thread reads for all of its vector, where they share.
#if SUBGROUP_SIZE
#for p in 0..(DEPTH*WIDTH+SUBGROUP_SIZE-1)/SUBGROUP_SIZE
    let o$p = min(subgroup_invocation + $(p*SUBGROUP_SIZE), $(DEPTH*WIDTH-1)u);
    let mine$p = o$p / $WIDTH * $OUT_BLOCKS + o$p % $WIDTH;
#end
#end
