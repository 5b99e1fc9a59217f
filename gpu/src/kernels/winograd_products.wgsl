// m[point, o, tile] = Σ v[point, c, tile] · u[point, c, o] over channels: a product of matrices for each point.
//
// A thread owns PIXELS tiles, those of neighbouring threads between them, and WIDTH quads of channels; the weights are the
// same for a whole workgroup. A thread beyond the last tile reads what that one reads and writes nothing: see `gemm.wgsl`.

@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read> u: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let first = (group.z * 32768 + group.x) * $(SIZE*PIXELS) + local;
    let point = group.y / $BLOCKS;
    let column = (group.y % $BLOCKS) * $WIDTH;
    let tiles = record.count * $TILES;
#for i in 0..PIXELS
    let t$i = min(first + $(i*SIZE), tiles - 1);
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
    var source = point * $QUADS * tiles;
    var at = point * $(DEPTH*QUADS*OUT_QUADS) + column;
    for (var q = 0u; q < $QUADS; q++) {
#for i in 0..PIXELS
        let c$i = v[source + t$i];
#end
#for k in 0..DEPTH
#for j in 0..WIDTH
        let w$(k)_$j = u[at + $(k*OUT_QUADS+j)];
#end
#for i in 0..PIXELS
#for j in 0..WIDTH
        s$(i)_$j = fma(vec4f(c$i[$k]), w$(k)_$j, s$(i)_$j);
#end
#end
#end
        source += tiles;
        at += $(DEPTH*OUT_QUADS);
    }
#for i in 0..PIXELS
    if (first + $(i*SIZE) < tiles) {
#for j in 0..WIDTH
        m[(point * $OUT_QUADS + column + $j) * tiles + t$i] = s$(i)_$j;
#end
    }
#end
}
