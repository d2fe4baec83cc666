// The kernels of the fused Walsh-Hadamard layer, and what tests ask of them beside.
namespace {
WhtParams emulated_arguments;

void emulated_thread(int kernel) {
    if (kernel == 0) wht_forward(emulated_arguments);
    if (kernel == 1) wht_backward(emulated_arguments);
    if (kernel == 2) wht_reduce(emulated_arguments);
}
}  // namespace

extern "C" {
void emulator_tanh(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; ++i) y[i] = wht_tanh(x[i], 1.0f);
}

// Words the exchanges and sums of the kernel named by the settings use.
int emulator_shared_words(int which) {
    return which == 0 ? (WHT_EXCHANGE_WORDS == 0 ? 1 : WHT_EXCHANGE_WORDS) : which == 1 ? WHT_BACKWARD_WORDS : 512;
}

// The bank conflicts of an exchange: the most threads of a warp that meet one of 32 banks with different words.
int emulator_worst_bank(int low) {
    int worst = 0;
    for (unsigned first = 0; first < (unsigned)(WHT_LANES * WHT_PIXELS * WHT_TILES); first += 32) {
        for (int s = 0; s < WHT_SLOTS; ++s) {
            std::map<int, std::map<int, int>> banks;
            for (unsigned t = first; t < first + 32; ++t) {
                WhtWords place = wht_words(wht_place(t, 0));
                int word = low ? wht_low_word(place, s) : wht_high_word(place, s);
                banks[word % 32][word] = 1;
                if ((int)banks[word % 32].size() > worst) worst = (int)banks[word % 32].size();
            }
        }
    }
    return worst;
}
}
