// Where the outputs of an image are: they count (C, H, W), memory has (H, W, channel blocks, 4).

const AREA = 1;
const BLOCKS = 3;

// Of an output, the index of its element.
fn output_index(output: u32) -> u32 {
    if (AREA > 1) {
        return output % AREA * (4 * BLOCKS) + output / AREA;
    } else {
        return output;
    }
}

// Of an element, the output; of a padding channel, a number that is no output.
fn output_of(element: u32) -> u32 {
    if (AREA > 1) {
        return element % (4 * BLOCKS) * AREA + element / (4 * BLOCKS);
    } else {
        return element;
    }
}
