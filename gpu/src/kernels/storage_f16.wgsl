// Activations are stored as f16. `storage_f32.wgsl` is the other choice. Gradients are vec4f in both.

// Four channels of a position in a tensor of activations, as memory holds them.
alias ChannelBlock = vec2u;

fn load(block: ChannelBlock) -> vec4f {
    return vec4f(unpack2x16float(block.x), unpack2x16float(block.y));
}

fn store(value: vec4f) -> ChannelBlock {
    return vec2u(pack2x16float(value.xy), pack2x16float(value.zw));
}
