// C = op(A) op(B), or the squared distances of the rows of A and B. Rows of all three lie in whole channel blocks, whose rest is 0;
// op is the transpose where it is asked for.
//
// A thread owns TILE rows and WIDTH channel blocks of columns of C in registers; neighbours own neighbouring channel blocks. The depth is
// gone through four at a time, then what is left of it. A thread beyond the edge reads what one at it reads and writes
// nothing: a return would cost a program that plays a GPU its straight loops.
//
// Such a program runs SUBGROUP_SIZE threads as one vector and reads memory number by number for each of them, the same number
// SUBGROUP_SIZE times too. Where its threads can give each other numbers, each reads another partial of what all of them need of A.

@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size($SIZE)
#use subgroup_main
    let column = group.y * $(SIZE*WIDTH) + local;
    let row = group.x * $TILE;
#for j in 0..WIDTH
    let n$j = min(column + $(j*SIZE), $(IN_BLOCKS-1)u);
#end
#for i in 0..TILE
    let m$i = min(row + $i, $(ROWS-1)u);
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
#for rest in 0..(1+REST)
#if rest
    {
        let k = $(DEPTH/4)u;
#else
    for (var k = 0u; k < $(DEPTH/4); k++) {
#end
#if SUBGROUP_SIZE
#for p in 0..TILE/SUBGROUP_SIZE
        let o$p = subgroup_invocation + $(p*SUBGROUP_SIZE);
#if TRANSPOSE_A
        let a$p = a[min(k * 4 + o$p / $(TILE/4), $(DEPTH-1)u) * $((ROWS+3)/4) + min(row / 4 + o$p % $(TILE/4), $((ROWS-1)/4)u)];
#else
        let a$p = a[min(row + o$p, $(ROWS-1)u) * $((DEPTH+3)/4) + k];
#end
#end
#else
#if TRANSPOSE_A
#for e in 0..(4-(4-DEPTH%4)*rest)
#for i in 0..TILE/4
        let a$(e)_$i = a[(k * 4 + $e) * $((ROWS+3)/4) + min(row / 4 + $i, $((ROWS-1)/4)u)];
#end
#end
#else
#for i in 0..TILE
        let a$i = a[m$i * $((DEPTH+3)/4) + k];
#end
#end
#end
#if TRANSPOSE_B
#for j in 0..WIDTH
#for e in 0..4
        let t$(e)_$j = b[min(n$j * 4 + $e, $(COLUMNS-1)u) * $((DEPTH+3)/4) + k];
#end
#end
#end
#for e in 0..(4-(4-DEPTH%4)*rest)
#for j in 0..WIDTH
#if TRANSPOSE_B
        let b$(e)_$j = vec4f(t0_$j[$e], t1_$j[$e], t2_$j[$e], t3_$j[$e]);
#else
        let b$(e)_$j = b[(k * 4 + $e) * $IN_BLOCKS + n$j];
#end
#end
#for i in 0..TILE
#if SUBGROUP_SIZE
#if TRANSPOSE_A
        let x$(e)_$i = vec4f(subgroupBroadcast(a$((e*TILE+i)/4/SUBGROUP_SIZE)[$(i%4)], $((e*TILE+i)/4%SUBGROUP_SIZE)u));
#else
        let x$(e)_$i = vec4f(subgroupBroadcast(a$(i/SUBGROUP_SIZE)[$e], $(i%SUBGROUP_SIZE)u));
#end
#else
#if TRANSPOSE_A
        let x$(e)_$i = vec4f(a$(e)_$(i/4)[$(i%4)]);
#else
        let x$(e)_$i = vec4f(a$i[$e]);
#end
#end
#for j in 0..WIDTH
#if DISTANCES
        let d$(e)_$(i)_$j = x$(e)_$i - b$(e)_$j;
        s$(i)_$j = fma(d$(e)_$(i)_$j, d$(e)_$(i)_$j, s$(i)_$j);
#else
        s$(i)_$j = fma(x$(e)_$i, b$(e)_$j, s$(i)_$j);
#end
#end
#end
#end
    }
#end
#for i in 0..TILE
    if (row + $i < $ROWS) {
#for j in 0..WIDTH
        if (column + $(j*SIZE) < $IN_BLOCKS) {
            // What fills up the last block stays 0.
            c[m$i * $IN_BLOCKS + n$j] = select(vec4f(), s$(i)_$j, vec4u(0, 1, 2, 3) + n$j * 4 < vec4u($COLUMNS));
        }
#end
    }
#end
}
