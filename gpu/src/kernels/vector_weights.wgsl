// Of DEPTH rows and WIDTH quads of weights, those that a thread reads for all of its vector, where they share.
#if VECTOR
#for p in 0..(DEPTH*WIDTH+VECTOR-1)/VECTOR
    let o$p = min(rank + $(p*VECTOR), $(DEPTH*WIDTH-1)u);
    let mine$p = o$p / $WIDTH * $OUT_QUADS + o$p % $WIDTH;
#end
#end
