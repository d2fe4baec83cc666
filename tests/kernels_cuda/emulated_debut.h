// The kernel of DeBut layers.
namespace {
DebutParams emulated_arguments;

void emulated_thread(int) { debut_forward(emulated_arguments); }
}  // namespace
