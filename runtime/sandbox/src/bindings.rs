//! What wasmtime makes of the contract in `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "transform-plugin",
    // Buffers are lowered from where they are, without a copy on this side.
    ownership: Borrowing { duplicate_if_necessary: true },
});
