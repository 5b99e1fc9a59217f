// s += c w: PIXELS channel blocks of channels with DEPTH rows and WIDTH channel blocks of weights from `at` on, which goes past them.
#if SUBGROUP_SIZE
#for p in 0..(DEPTH*WIDTH+SUBGROUP_SIZE-1)/SUBGROUP_SIZE
    let partial$p = w[at + mine$p];
#end
#end
#for k in 0..DEPTH
#for j in 0..WIDTH
#if SUBGROUP_SIZE
    let w$(k)_$j = subgroupBroadcast(partial$((k*WIDTH+j)/SUBGROUP_SIZE), $((k*WIDTH+j)%SUBGROUP_SIZE)u);
#else
    let w$(k)_$j = w[at + $(k*OUT_BLOCKS+j)];
#end
#end
#for i in 0..PIXELS
#for j in 0..WIDTH
    s$(i)_$j = fma(vec4f(c$i[$k]), w$(k)_$j, s$(i)_$j);
#end
#end
#end
    at += $(DEPTH*OUT_BLOCKS);
