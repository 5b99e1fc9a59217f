// Sums of products of channel blocks and packed weights, for kernels whose invocations all read the same weights.
//
// A software adapter runs the SUBGROUP_SIZE invocations of a subgroup as one SIMD vector, and loads memory element by
// element for each of them, the same element SUBGROUP_SIZE times too. Where its subgroup size is known, each invocation
// loads a part of the weights, and all get them by broadcast. That needs uniform control flow, so invocations beyond
// the last unit of work do not return: they compute what the last one computes, and write nothing.

// 0 where each invocation loads all weights itself.
const SUBGROUP_SIZE = 8;
// vec4s of weights that an invocation loads for its subgroup: DEPTH * WIDTH / SUBGROUP_SIZE, rounded up; 1 without
// subgroups.
const SHARES = 1;
// Positions, and channel blocks of the output, of an invocation.
const POSITIONS = 4;
const WIDTH = 2;
// Channels of an input block, and blocks of an output position.
const DEPTH = 4;
const OUT_BLOCKS = 2;

// Rows of OUT_BLOCKS vec4s.
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;

alias Offsets = array<u32, SHARES>;
alias Blocks = array<vec4f, POSITIONS>;
alias Sums = array<array<vec4f, WIDTH>, POSITIONS>;

// Where the weights lie that an invocation loads for its subgroup, from the first of DEPTH rows on.
fn shared_offsets(subgroup_invocation_id: u32) -> Offsets {
    var offsets: Offsets;
    for (var p = 0u; p < SHARES; p++) { // unroll
        let i = min(subgroup_invocation_id + p * SUBGROUP_SIZE, DEPTH * WIDTH - 1);
        offsets[p] = i / WIDTH * OUT_BLOCKS + i % WIDTH;
    }
    return offsets;
}

// sums[i][j] += Σ c[i][k] · weights[at + k * OUT_BLOCKS + j] over DEPTH channels k.
fn multiply_add(at: u32, offsets: Offsets, c: Blocks, sums: ptr<function, Sums>) {
    var part: array<vec4f, SHARES>;
    if (SUBGROUP_SIZE > 0) {
        for (var p = 0u; p < SHARES; p++) { // unroll
            part[p] = weights[at + offsets[p]];
        }
    }
    var w: array<vec4f, WIDTH>;
    for (var k = 0u; k < DEPTH; k++) { // unroll
        for (var j = 0u; j < WIDTH; j++) { // unroll
            if (SUBGROUP_SIZE > 0) {
                w[j] = subgroupBroadcast(part[(k * WIDTH + j) / SUBGROUP_SIZE], (k * WIDTH + j) % SUBGROUP_SIZE);
            } else {
                w[j] = weights[at + k * OUT_BLOCKS + j];
            }
        }
        for (var i = 0u; i < POSITIONS; i++) { // unroll
            for (var j = 0u; j < WIDTH; j++) { // unroll
                (*sums)[i][j] = fma(vec4f(c[i][k]), w[j], (*sums)[i][j]);
            }
        }
    }
}
