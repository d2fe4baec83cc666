// The kernel of depthwise layers.
namespace {
DepthwiseParams emulated_arguments;

void emulated_thread(int) { depthwise_forward(emulated_arguments); }
}  // namespace
