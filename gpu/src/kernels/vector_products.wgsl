// s += c w: PIXELS quads of channels with DEPTH rows and WIDTH quads of weights from `at` on, which goes past them.
#if VECTOR
#for p in 0..(DEPTH*WIDTH+VECTOR-1)/VECTOR
    let part$p = w[at + mine$p];
#end
#end
#for k in 0..DEPTH
#for j in 0..WIDTH
#if VECTOR
    let w$(k)_$j = subgroupBroadcast(part$((k*WIDTH+j)/VECTOR), $((k*WIDTH+j)%VECTOR)u);
#else
    let w$(k)_$j = w[at + $(k*OUT_QUADS+j)];
#end
#end
#for i in 0..PIXELS
#for j in 0..WIDTH
    s$(i)_$j = fma(vec4f(c$i[$k]), w$(k)_$j, s$(i)_$j);
#end
#end
#end
    at += $(DEPTH*OUT_QUADS);
