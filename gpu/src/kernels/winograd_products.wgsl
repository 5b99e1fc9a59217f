// m[point, o, tile] = Σ v[point, c, tile] · w[point, c, o] over channels: a product of matrices for each point.
//
// A thread owns PIXELS tiles, those of neighbouring threads between them, and WIDTH channel blocks of channels; the weights are the
// same for a whole workgroup, whose threads read them for each other where they can. A thread beyond the last tile reads
// what that one reads and writes nothing: see `gemm.wgsl`.

@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

@compute @workgroup_size($SIZE)
#use subgroup_main
    let model = model_of(group);
    let params = pass_params[model];
    let first = (thread_of(group, local) - local) * $PIXELS + local;
    let point = group.y / $BLOCKS % $POINTS;
    let column = (group.y % $BLOCKS) * $WIDTH;
    let tiles = params.count * $TILES;
    let last = max(tiles, 1) - 1;
#for i in 0..PIXELS
    let t$i = min(first + $(i*SIZE), last);
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
#use subgroup_weights
    var source = model * $V + point * $IN_BLOCKS * tiles;
    var at = model * $U + point * $(DEPTH*IN_BLOCKS*OUT_BLOCKS) + column;
    for (var q = 0u; q < $IN_BLOCKS; q++) {
#for i in 0..PIXELS
        let c$i = v[source + t$i];
#end
#use subgroup_products
        source += tiles;
    }
#for i in 0..PIXELS
    if (first + $(i*SIZE) < tiles) {
#for j in 0..WIDTH
        m[model * $M + (point * $OUT_BLOCKS + column + $j) * tiles + t$i] = s$(i)_$j;
#end
    }
#end
}
