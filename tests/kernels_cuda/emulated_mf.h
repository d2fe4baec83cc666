// The kernel of multiplication-free dense layers.
namespace {
MfParams emulated_arguments;

void emulated_thread(int) { mf_forward(emulated_arguments); }
}  // namespace
