// One training step of the Qwen3-MoE model of model.py on the CPU: forward and backward by hand, matrix products in
// bfloat16 on AMX tiles, or on AVX-512 where the processor has none, everything else in float32. Texts of a batch are ragged: all tokens in one row of N, attention
// text by text. Gradients are checked against autograd by checkKernels.py.
//
//   g++ -O3 -march=native -ffast-math -fPIC -shared -o kernels.so kernels.cpp -lpthread
//
// Letters: N tokens, S expert rows, C hidden, H query heads, K kv heads, D head dim, E experts, I expert width, V vocabulary.

#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef uint16_t bf;

struct Shape {
  int L, C, H, K, D, E, I, V, topk;
  float eps, theta;
  // Offsets of the parameters in the flat vector: embed, head, norm, then per layer
  // norm1 norm2 q k v o qn kn router gate_up down.
  long embed, head, norm, layer[32][11];
  long size;
};

static inline int up(int x, int m) { return (x + m - 1) / m * m; }

static inline void toBf(const float* x, bf* y, long n) {
  long i = 0;
  for (; i + 16 <= n; i += 16) _mm256_storeu_si256((__m256i*)(y + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
  for (; i < n; i++) {
    uint32_t u;
    memcpy(&u, x + i, 4);
    y[i] = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  }
}
static inline float fromBf(bf x) {
  uint32_t u = (uint32_t)x << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

// ---- matrix products -------------------------------------------------------------------------------------------

// B as the tiles want it: blocks of 16 columns, in each [K / 2][16] pairs.
// From W [N][K] (row n holds column n of B); N real rows, filled up with zeros to a multiple of 16.
static void packRows(const bf* w, long ld, int N, int K, bf* out) {
  const uint32_t* zero = 0;
  (void)zero;
  int K2 = K / 2;
  uint32_t* o = (uint32_t*)out;
  for (int nb = 0; nb < N; nb += 16, o += (long)K2 * 16) {
    int rows = N - nb < 16 ? N - nb : 16;
    for (int n = 0; n < rows; n++) {
      const uint32_t* from = (const uint32_t*)(w + (long)(nb + n) * ld);
      for (int k = 0; k < K2; k++) o[k * 16 + n] = from[k];
    }
    for (int n = rows; n < 16; n++)
      for (int k = 0; k < K2; k++) o[k * 16 + n] = 0;
  }
}
// From X [K][N]: K real rows, filled up with zeros to Kp.
static void packColumns(const bf* x, long ld, int K, int Kp, int N, bf* out) {
  for (int nb = 0; nb < N; nb += 16) {
    __m512i* o = (__m512i*)(out + (long)nb * Kp);
    for (int k = 0; k < Kp; k += 2) {
      __m512i a = _mm512_setzero_si512(), b = a;
      if (k < K) a = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(x + (long)k * ld + nb)));
      if (k + 1 < K) b = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(x + (long)(k + 1) * ld + nb)));
      o[k / 2] = _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
    }
  }
}
// X [K][M] → [M][Kp], zeros behind K.
static void transpose(const bf* x, long ld, int K, int Kp, int M, bf* out) {
  __m512i at = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(Kp / 2));
  for (int m = 0; m < M; m += 16) {
    for (int k = 0; k < Kp; k += 2) {
      __m512i a = _mm512_setzero_si512(), b = a;
      if (k < K) a = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(x + (long)k * ld + m)));
      if (k + 1 < K) b = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(x + (long)(k + 1) * ld + m)));
      _mm512_i32scatter_epi32((int*)(out + (long)m * Kp + k), at, _mm512_or_si512(a, _mm512_slli_epi32(b, 16)), 4);
    }
  }
}

// C [M][N] (+)= A [M][K] B; M and N multiples of 16, K of 32.
#ifdef __AMX_BF16__
struct alignas(64) TileConfig {
  uint8_t palette, start, zero[14];
  uint16_t columns[16];
  uint8_t rows[16];
};

static void useTiles() {
  syscall(158, 0x1023, 18);
  TileConfig c;
  memset(&c, 0, sizeof c);
  c.palette = 1;
  for (int i = 0; i < 8; i++) {
    c.columns[i] = 64;
    c.rows[i] = 16;
  }
  _tile_loadconfig(&c);
}

static void gemm(const bf* A, long lda, const bf* B, float* C, long ldc, int M, int N, int K, bool add) {
  for (int m = 0; m < M; m += 32) {
    bool two = m + 16 < M;
    for (int n = 0; n < N; n += 32) {
      bool wide = n + 16 < N;
      float* c = C + (long)m * ldc + n;
      if (add) {
        _tile_loadd(0, c, ldc * 4);
        if (wide) _tile_loadd(1, c + 16, ldc * 4);
        if (two) _tile_loadd(2, c + 16 * ldc, ldc * 4);
        if (two && wide) _tile_loadd(3, c + 16 * ldc + 16, ldc * 4);
      } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
      }
      const bf* b = B + (long)n * K;
      for (int k = 0; k < K; k += 32) {
        _tile_loadd(4, A + (long)m * lda + k, lda * 2);
        _tile_loadd(6, b + (long)k * 16, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) {
          _tile_loadd(7, b + (long)K * 16 + (long)k * 16, 64);
          _tile_dpbf16ps(1, 4, 7);
        }
        if (two) {
          _tile_loadd(5, A + (long)(m + 16) * lda + k, lda * 2);
          _tile_dpbf16ps(2, 5, 6);
          if (wide) _tile_dpbf16ps(3, 5, 7);
        }
      }
      _tile_stored(0, c, ldc * 4);
      if (wide) _tile_stored(1, c + 16, ldc * 4);
      if (two) _tile_stored(2, c + 16 * ldc, ldc * 4);
      if (two && wide) _tile_stored(3, c + 16 * ldc + 16, ldc * 4);
    }
  }
}
#else
static void useTiles() {}

// Eight rows and two blocks of columns stay in registers: 16 products for 2 loads of B and 8 broadcasts of A.
static void gemm(const bf* A, long lda, const bf* B, float* C, long ldc, int M, int N, int K, bool add) {
  for (int n = 0; n < N; n += 32) {
    bool wide = n + 16 < N;
    const bf* b0 = B + (long)n * K;
    const bf* b1 = wide ? b0 + (long)K * 16 : b0;
    for (int m = 0; m < M; m += 8) {
      float* c = C + (long)m * ldc + n;
      const uint32_t* a[8];
      __m512 left[8], right[8];
      for (int i = 0; i < 8; i++) {
        a[i] = (const uint32_t*)(A + (long)(m + i) * lda);
        left[i] = add ? _mm512_loadu_ps(c + i * ldc) : _mm512_setzero_ps();
        right[i] = add && wide ? _mm512_loadu_ps(c + i * ldc + 16) : _mm512_setzero_ps();
      }
      for (int k = 0; k < K / 2; k++) {
        __m512bh u = (__m512bh)_mm512_loadu_si512(b0 + (long)k * 32);
        __m512bh v = (__m512bh)_mm512_loadu_si512(b1 + (long)k * 32);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
          __m512bh x = (__m512bh)_mm512_set1_epi32(a[i][k]);
          left[i] = _mm512_dpbf16_ps(left[i], x, u);
          right[i] = _mm512_dpbf16_ps(right[i], x, v);
        }
      }
      for (int i = 0; i < 8; i++) {
        _mm512_storeu_ps(c + i * ldc, left[i]);
        if (wide) _mm512_storeu_ps(c + i * ldc + 16, right[i]);
      }
    }
  }
}
#endif

// ---- memory ----------------------------------------------------------------------------------------------------

struct Arena {
  char* base;
  long size, at;
  void* take(long bytes) {
    bytes = (bytes + 127) / 64 * 64;
    if (at + bytes > size) abort();
    void* p = base + at;
    at += bytes;
    return p;
  }
  float* f(long n) { return (float*)take(n * 4); }
  bf* b(long n) { return (bf*)take(n * 2); }
  int* i(long n) { return (int*)take(n * 4); }
};

// Weights packed once a step: for the forward products (f) and for the gradients of inputs (g).
struct Packed {
  bf *qkvF, *qkvG, *oF, *oG, *guF, *guG, *downF, *downG;
};

struct Layer {
  float *x, *mid, *rstd1, *rstd2, *qkv, *rstdH, *probs, *w, *gu, *lse;
  bf *a1, *q, *k, *v, *o, *a2, *rows, *h, **P;
  int *slot, *row, *start;  // slot of each expert row (-1 for filling), row of each slot, first row of each expert
};

struct Worker {
  Shape* s;
  const float* p;
  float* g;
  Packed* packed;
  bf *headF, *headG;
  Arena arena;
  // The job: texts of a batch this worker does.
  const int *ids, *lengths;
  const float* weights;
  int texts, longest, micro;
  float scale, balanceCoef, zCoef;
  float *cosT, *sinT;
  // Results.
  double loss, balance, right, counted;
  long load[32][64];
  int evaluate;  // 1: no gradients; writes what is likeliest to `best`
  int* best;
};

static const float* par(Worker& w, int l, int what) { return w.p + w.s->layer[l][what]; }
static float* grd(Worker& w, int l, int what) { return w.g + w.s->layer[l][what]; }
enum { NORM1, NORM2, WQ, WK, WV, WO, QN, KN, ROUTER, GATE_UP, DOWN };

static inline float dot(const float* a, const float* b, int n) {
  float t = 0;
  for (int i = 0; i < n; i++) t += a[i] * b[i];
  return t;
}

static void rmsForward(const float* x, const float* w, float* rstd, bf* out, float* outF, int N, int C, float eps) {
  float buffer[1024];
  for (int n = 0; n < N; n++) {
    const float* r = x + (long)n * C;
    float s = 1 / sqrtf(dot(r, r, C) / C + eps);
    rstd[n] = s;
    float* o = outF ? outF + (long)n * C : buffer;
    for (int c = 0; c < C; c++) o[c] = r[c] * s * w[c];
    toBf(o, out + (long)n * C, C);
  }
}
// dx += gradient through the norm; dw += gradient of its weight.
static void rmsBackward(const float* x, const float* w, const float* rstd, const float* dy, float* dx, float* dw, int N, int C) {
  for (int n = 0; n < N; n++) {
    const float *r = x + (long)n * C, *d = dy + (long)n * C;
    float* o = dx + (long)n * C;
    float s = rstd[n], t = 0;
    for (int c = 0; c < C; c++) t += d[c] * w[c] * r[c];
    t *= s * s * s / C;
    for (int c = 0; c < C; c++) {
      dw[c] += d[c] * r[c] * s;
      o[c] += d[c] * w[c] * s - r[c] * t;
    }
  }
}

static void attentionForward(Worker& w, Layer& y, const int* at, const int* len, int texts, Arena a) {
  Shape& s = *w.s;
  int H = s.H, K = s.K, D = s.D, Q = H * D, R = K * D;
  int Tm = up(w.longest, 32);
  float *S = a.f((long)Tm * Tm), *O = a.f((long)Tm * D);
  bf *kp = a.b((long)Tm * D), *vp = a.b((long)Tm * D);
  for (int t = 0; t < texts; t++) {
    int T = len[t], Tp = up(T, 32);
    long n0 = at[t];
    for (int kv = 0; kv < K; kv++) {
      packRows(y.k + n0 * R + kv * D, R, T, D, kp);
      for (long i = (long)up(T, 16) * D; i < (long)Tp * D; i++) kp[i] = 0;
      packColumns(y.v + n0 * R + kv * D, R, T, Tp, D, vp);
      for (int g = 0; g < H / K; g++) {
        int h = kv * (H / K) + g;
        bf* P = y.P[t * H + h];
        for (int m = 0; m < Tp; m += 32) gemm(y.q + (n0 + m) * Q + h * D, Q, kp, S + (long)m * Tp, Tp, 32, m + 32, D, false);
        for (int i = 0; i < Tp; i++) {
          float* r = S + (long)i * Tp;
          bf* p = P + (long)i * Tp;
          int n = i < T ? i + 1 : 1;
          if (i >= T) {
            memset(p, 0, Tp * 2);
            continue;
          }
          float top = r[0];
          for (int j = 1; j < n; j++) top = r[j] > top ? r[j] : top;
          float z = 0;
          for (int j = 0; j < n; j++) {
            r[j] = expf(r[j] - top);
            z += r[j];
          }
          z = 1 / z;
          for (int j = 0; j < n; j++) r[j] *= z;
          for (int j = n; j < Tp; j++) r[j] = 0;
          toBf(r, p, Tp);
        }
        for (int m = 0; m < Tp; m += 32) gemm(P + (long)m * Tp, Tp, vp, O + (long)m * D, D, 32, D, Tp, false);
        for (int i = 0; i < T; i++) toBf(O + (long)i * D, y.o + (n0 + i) * Q + h * D, D);
      }
    }
  }
}

// dO bfloat16 [N][H D] → dqk float32 [N][(H + 2 K) D] for the turned q, k and for v.
static void attentionBackward(Worker& w, Layer& y, const bf* dO, float* dqkv, const int* at, const int* len, int texts, Arena a) {
  Shape& s = *w.s;
  int H = s.H, K = s.K, D = s.D, Q = H * D, R = K * D, W = Q + 2 * R;
  int Tm = up(w.longest, 32);
  float *dP = a.f((long)Tm * Tm), *out = a.f((long)Tm * D), *dk = a.f((long)Tm * D), *dv = a.f((long)Tm * D);
  bf *vr = a.b((long)Tm * D), *kc = a.b((long)Tm * D), *pt = a.b((long)Tm * Tm), *op = a.b((long)Tm * D), *qp = a.b((long)Tm * D);
  bf* dS = a.b((long)Tm * Tm);
  for (int t = 0; t < texts; t++) {
    int T = len[t], Tp = up(T, 32);
    long n0 = at[t];
    for (int kv = 0; kv < K; kv++) {
      packRows(y.v + n0 * R + kv * D, R, T, D, vr);
      for (long i = (long)up(T, 16) * D; i < (long)Tp * D; i++) vr[i] = 0;
      packColumns(y.k + n0 * R + kv * D, R, T, Tp, D, kc);
      for (int g = 0; g < H / K; g++) {
        int h = kv * (H / K) + g;
        const bf* P = y.P[t * H + h];
        // dV += Pᵀ dO
        transpose(P, Tp, Tp, Tp, Tp, pt);
        packColumns(dO + n0 * Q + h * D, Q, T, Tp, D, op);
        gemm(pt, Tp, op, dv, D, Tp, D, Tp, g > 0);
        // dP = dO Vᵀ; dS = P (dP − Σ P dP)
        for (int m = 0; m < Tp; m += 32) gemm(dO + (n0 + m) * Q + h * D, Q, vr, dP + (long)m * Tp, Tp, 32, m + 32, D, false);
        for (int i = 0; i < Tp; i++) {
          float* r = dP + (long)i * Tp;
          const bf* p = P + (long)i * Tp;
          bf* d = dS + (long)i * Tp;
          if (i >= T) {
            memset(d, 0, Tp * 2);
            continue;
          }
          float sum = 0;
          int n = i + 1;
          for (int j = 0; j < n; j++) sum += fromBf(p[j]) * r[j];
          for (int j = 0; j < n; j++) r[j] = fromBf(p[j]) * (r[j] - sum);
          for (int j = n; j < Tp; j++) r[j] = 0;
          toBf(r, d, Tp);
        }
        for (int m = 0; m < Tp; m += 32) gemm(dS + (long)m * Tp, Tp, kc, out + (long)m * D, D, 32, D, Tp, false);
        for (int i = 0; i < T; i++) memcpy(dqkv + (n0 + i) * W + h * D, out + (long)i * D, D * 4);
        transpose(dS, Tp, Tp, Tp, Tp, pt);
        packColumns(y.q + n0 * Q + h * D, Q, T, Tp, D, qp);
        gemm(pt, Tp, qp, dk, D, Tp, D, Tp, g > 0);
      }
      for (int i = 0; i < T; i++) {
        memcpy(dqkv + (n0 + i) * W + Q + kv * D, dk + (long)i * D, D * 4);
        memcpy(dqkv + (n0 + i) * W + Q + R + kv * D, dv + (long)i * D, D * 4);
      }
    }
  }
}

// One run of texts, forward and backward.
static void microBatch(Worker& w, const int* ids, const float* weights, const int* len, int texts, int* best) {
  Shape& s = *w.s;
  int L = s.L, C = s.C, H = s.H, K = s.K, D = s.D, E = s.E, I = s.I, V = s.V, k = s.topk;
  int Q = H * D, R = K * D, W = Q + 2 * R, half = D / 2;
  w.arena.at = 0;
  Arena& a = w.arena;
  int* at = a.i(texts + 1);
  at[0] = 0;
  for (int t = 0; t < texts; t++) at[t + 1] = at[t] + len[t];
  int N = at[texts], Np = up(N, 32), slack = up(w.longest, 32) + 32;
  int S = up(N * k, 32) + E * 32;
  int* pos = a.i(N);
  for (int t = 0; t < texts; t++)
    for (int i = 0; i < len[t]; i++) pos[at[t] + i] = i;

  Layer* y = (Layer*)a.take(sizeof(Layer) * L);
  float* x = a.f((long)Np * C);
  memset(x, 0, (long)Np * C * 4);
  for (int n = 0; n < N; n++) memcpy(x + (long)n * C, w.p + s.embed + (long)ids[n] * C, C * 4);
  float* xn = a.f((long)Np * C);
  float* yo = a.f((long)S * C);
  for (int l = 0; l < L; l++) {
    Layer& z = y[l];
    z.x = a.f((long)Np * C);
    memcpy(z.x, x, (long)Np * C * 4);
    z.rstd1 = a.f(Np);
    z.a1 = a.b((long)Np * C);
    rmsForward(x, par(w, l, NORM1), z.rstd1, z.a1, 0, Np, C, s.eps);
    z.qkv = a.f((long)Np * W);
    gemm(z.a1, C, w.packed[l].qkvF, z.qkv, W, Np, W, C, false);
    z.q = a.b((long)(Np + slack) * Q);
    z.k = a.b((long)(Np + slack) * R);
    z.v = a.b((long)(Np + slack) * R);
    z.o = a.b((long)(Np + slack) * Q);
    memset(z.q + (long)N * Q, 0, (long)(Np + slack - N) * Q * 2);
    memset(z.o + (long)N * Q, 0, (long)(Np - N) * Q * 2);
    z.rstdH = a.f((long)Np * (H + K));
    const float *qn = par(w, l, QN), *kn = par(w, l, KN);
    float down = 1 / sqrtf(D);
    for (int n = 0; n < N; n++) {
      const float *c = w.cosT + (long)pos[n] * half, *sn = w.sinT + (long)pos[n] * half;
      float t[512];
      for (int h = 0; h < H + K; h++) {
        const float* r = z.qkv + (long)n * W + h * D;
        const float* g = h < H ? qn : kn;
        float rs = 1 / sqrtf(dot(r, r, D) / D + s.eps);
        z.rstdH[(long)n * (H + K) + h] = rs;
        if (h < H) rs *= down;
        for (int j = 0; j < half; j++) {
          float u = r[j] * rs * g[j], v = r[j + half] * rs * g[j + half];
          t[j] = u * c[j] - v * sn[j];
          t[j + half] = v * c[j] + u * sn[j];
        }
        toBf(t, h < H ? z.q + (long)n * Q + h * D : z.k + (long)n * R + (h - H) * D, D);
      }
      toBf(z.qkv + (long)n * W + Q + R, z.v + (long)n * R, R);
    }
    z.P = (bf**)a.take(sizeof(bf*) * texts * H);
    for (int t = 0; t < texts * H; t++) {
      long Tp = up(len[t / H], 32);
      z.P[t] = a.b(Tp * Tp);
    }
    attentionForward(w, z, at, len, texts, a);
    gemm(z.o, Q, w.packed[l].oF, x, C, Np, C, Q, true);
    z.mid = a.f((long)Np * C);
    memcpy(z.mid, x, (long)Np * C * 4);
    z.rstd2 = a.f(Np);
    z.a2 = a.b((long)Np * C);
    rmsForward(x, par(w, l, NORM2), z.rstd2, z.a2, xn, Np, C, s.eps);
    // Router.
    z.probs = a.f((long)N * E);
    z.lse = a.f(N);
    z.w = a.f((long)N * k);
    int* chosen = a.i((long)N * k);
    const float* router = par(w, l, ROUTER);
    int counts[64] = {0};
    for (int n = 0; n < N; n++) {
      float* p = z.probs + (long)n * E;
      float top = -1e30f, sum = 0;
      for (int e = 0; e < E; e++) {
        p[e] = dot(xn + (long)n * C, router + (long)e * C, C);
        top = p[e] > top ? p[e] : top;
      }
      for (int e = 0; e < E; e++) {
        p[e] = expf(p[e] - top);
        sum += p[e];
      }
      z.lse[n] = top + logf(sum);
      for (int e = 0; e < E; e++) p[e] /= sum;
      float total = 0;
      for (int j = 0; j < k; j++) {
        int pick = -1;
        for (int e = 0; e < E; e++) {
          bool used = false;
          for (int i = 0; i < j; i++) used |= chosen[n * k + i] == e;
          if (!used && (pick < 0 || p[e] > p[pick])) pick = e;
        }
        chosen[n * k + j] = pick;
        z.w[n * k + j] = p[pick];
        total += p[pick];
        counts[pick]++;
      }
      for (int j = 0; j < k; j++) z.w[n * k + j] /= total;
    }
    z.start = a.i(E + 1);
    z.start[0] = 0;
    for (int e = 0; e < E; e++) {
      z.start[e + 1] = z.start[e] + up(counts[e], 32);
      w.load[l][e] += counts[e];
    }
    int rows = z.start[E];
    z.slot = a.i(rows + 1);
    z.row = a.i((long)N * k);
    for (int r = 0; r < rows; r++) z.slot[r] = -1;
    int next[64];
    for (int e = 0; e < E; e++) next[e] = z.start[e];
    for (int i = 0; i < N * k; i++) {
      int r = next[chosen[i]]++;
      z.slot[r] = i;
      z.row[i] = r;
    }
    z.rows = a.b((long)rows * C);
    for (int r = 0; r < rows; r++) {
      if (z.slot[r] < 0) memset(z.rows + (long)r * C, 0, C * 2);
      else memcpy(z.rows + (long)r * C, z.a2 + (long)(z.slot[r] / k) * C, C * 2);
    }
    z.gu = a.f((long)rows * 2 * I);
    z.h = a.b((long)rows * I);
    for (int e = 0; e < E; e++) {
      int r0 = z.start[e], M = z.start[e + 1] - r0;
      if (M == 0) continue;
      gemm(z.rows + (long)r0 * C, C, w.packed[l].guF + (long)e * 2 * I * C, z.gu + (long)r0 * 2 * I, 2 * I, M, 2 * I, C, false);
      for (int r = r0; r < r0 + M; r++) {
        float t[512];
        const float* g = z.gu + (long)r * 2 * I;
        for (int i = 0; i < I; i++) t[i] = g[i] / (1 + expf(-g[i])) * g[I + i];
        toBf(t, z.h + (long)r * I, I);
      }
      gemm(z.h + (long)r0 * I, I, w.packed[l].downF + (long)e * I * C, yo + (long)r0 * C, C, M, C, I, false);
    }
    for (int n = 0; n < N; n++) {
      float* o = x + (long)n * C;
      for (int j = 0; j < k; j++) {
        const float* from = yo + (long)z.row[n * k + j] * C;
        float q = z.w[n * k + j];
        for (int c = 0; c < C; c++) o[c] += q * from[c];
      }
    }
  }

  // Head: position n predicts token n + 1 of its text.
  float* dx = a.f((long)Np * C);
  memset(dx, 0, (long)Np * C * 4);
  float* rstd = a.f(Np);
  bf* xh = a.b((long)Np * C);
  rmsForward(x, w.p + s.norm, rstd, xh, 0, Np, C, s.eps);
  int *picked = a.i(N), P = 0;
  for (int t = 0; t < texts; t++)
    for (int i = 0; i + 1 < len[t]; i++)
      if (weights[at[t] + i + 1] != 0) picked[P++] = at[t] + i;
  const int block = 64;
  float *logits = a.f((long)block * V), *dxh = a.f((long)Np * C);
  bf *in = a.b((long)block * C), *dl = a.b((long)block * V), *dlt = a.b((long)block * V), *inp = a.b((long)block * C);
  float* part = a.f((long)block * C);
  if (!w.evaluate) memset(dxh, 0, (long)Np * C * 4);
  for (int b = 0; b < P; b += block) {
    int M = P - b < block ? P - b : block;
    for (int i = 0; i < block; i++) {
      if (i < M) memcpy(in + (long)i * C, xh + (long)picked[b + i] * C, C * 2);
      else memset(in + (long)i * C, 0, C * 2);
    }
    gemm(in, C, w.headF, logits, V, up(M, 32), V, C, false);
    for (int i = 0; i < block; i++) {
      if (i >= M) {
        if (!w.evaluate) memset(dl + (long)i * V, 0, V * 2);
        continue;
      }
      int n = picked[b + i], target = ids[n + 1];
      float* r = logits + (long)i * V;
      float top = r[0];
      for (int v = 1; v < V; v++) top = r[v] > top ? r[v] : top;
      float at = r[target];
      w.counted += 1;
      w.right += at >= top;
      if (w.evaluate) {
        int arg = 0;
        for (int v = 0; v < V; v++)
          if (r[v] == top) {
            arg = v;
            break;
          }
        best[n + 1] = arg;
      }
      float z = 0;
      for (int v = 0; v < V; v++) {
        r[v] = expf(r[v] - top);
        z += r[v];
      }
      float weight = weights[n + 1] * w.scale;
      w.loss += weight * (logf(z) + top - at);
      if (w.evaluate) continue;
      float q = weight / z;
      for (int v = 0; v < V; v++) r[v] *= q;
      r[target] -= weight;
      toBf(r, dl + (long)i * V, V);
    }
    if (w.evaluate) continue;
    gemm(dl, V, w.headG, part, C, block, C, V, false);
    for (int i = 0; i < M; i++) memcpy(dxh + (long)picked[b + i] * C, part + (long)i * C, C * 4);
    transpose(dl, V, block, block, V, dlt);
    packColumns(in, C, block, block, C, inp);
    gemm(dlt, block, inp, w.g + s.head, C, V, C, block, true);
  }
  // Balance loss, layer by layer: E Σ_e share_e mean_e, its gradient through the mean alone.
  for (int l = 0; l < L; l++) {
    double b = 0;
    for (int e = 0; e < E; e++) {
      double mean = 0;
      long c = 0;
      for (int r = y[l].start[e]; r < y[l].start[e + 1]; r++) c += y[l].slot[r] >= 0;
      for (int n = 0; n < N; n++) mean += y[l].probs[(long)n * E + e];
      b += (double)c / N * mean / N;
    }
    w.balance += b * E * N / L;
  }
  if (w.evaluate) return;
  rmsBackward(x, w.p + s.norm, rstd, dxh, dx, w.g + s.norm, N, C);

  bf *db = a.b((long)(Np + slack) * C), *dob = a.b((long)(Np + slack) * Q), *dqkvb = a.b((long)Np * W);
  float *doF = a.f((long)Np * Q), *dqkv = a.f((long)Np * W), *dxn = dxh;
  bf *tA = a.b((long)S * (2 * I > C ? 2 * I : C) + (long)Np * W), *pB = a.b((long)S * C + (long)Np * Q);
  bf *drows = a.b((long)S * C), *dgu = a.b((long)S * 2 * I), *hw = a.b((long)S * I);
  float *dA = a.f((long)S * I), *dxr = a.f((long)S * C), *dw = a.f((long)N * k);
  memset(dob + (long)N * Q, 0, (long)(Np + slack - N) * Q * 2);
  memset(dqkv + (long)N * W, 0, (long)(Np - N) * W * 4);
  for (int l = L - 1; l >= 0; l--) {
    Layer& z = y[l];
    Packed& pk = w.packed[l];
    // Experts.
    int rows = z.start[E];
    toBf(dx, db, (long)Np * C);
    for (int r = 0; r < rows; r++) {
      if (z.slot[r] < 0) memset(drows + (long)r * C, 0, C * 2);
      else memcpy(drows + (long)r * C, db + (long)(z.slot[r] / k) * C, C * 2);
    }
    for (int e = 0; e < E; e++) {
      int r0 = z.start[e], M = z.start[e + 1] - r0;
      if (M == 0) continue;
      gemm(drows + (long)r0 * C, C, pk.downG + (long)e * I * C, dA + (long)r0 * I, I, M, I, C, false);
      for (int r = r0; r < r0 + M; r++) {
        float* d = dA + (long)r * I;
        const float* g = z.gu + (long)r * 2 * I;
        float t[1024], u[512];
        if (z.slot[r] < 0) {
          memset(dgu + (long)r * 2 * I, 0, 2 * I * 2);
          memset(hw + (long)r * I, 0, I * 2);
          continue;
        }
        float q = z.w[z.slot[r]], sum = 0;
        for (int i = 0; i < I; i++) {
          float sig = 1 / (1 + expf(-g[i])), silu = g[i] * sig, h = silu * g[I + i];
          sum += d[i] * h;
          float dh = d[i] * q;
          t[i] = dh * g[I + i] * sig * (1 + g[i] * (1 - sig));
          t[I + i] = dh * silu;
          u[i] = h * q;
        }
        dw[z.slot[r]] = sum;
        toBf(t, dgu + (long)r * 2 * I, 2 * I);
        toBf(u, hw + (long)r * I, I);
      }
      transpose(drows + (long)r0 * C, C, M, M, C, tA);
      packColumns(hw + (long)r0 * I, I, M, M, I, pB);
      gemm(tA, M, pB, grd(w, l, DOWN) + (long)e * C * I, I, C, I, M, true);
      transpose(dgu + (long)r0 * 2 * I, 2 * I, M, M, 2 * I, tA);
      packColumns(z.rows + (long)r0 * C, C, M, M, C, pB);
      gemm(tA, M, pB, grd(w, l, GATE_UP) + (long)e * 2 * I * C, C, 2 * I, C, M, true);
      gemm(dgu + (long)r0 * 2 * I, 2 * I, pk.guG + (long)e * 2 * I * C, dxr + (long)r0 * C, C, M, C, 2 * I, false);
    }
    const float *router = par(w, l, ROUTER), *n2 = par(w, l, NORM2);
    float* drouter = grd(w, l, ROUTER);
    float share[64], mean[64] = {0};
    for (int e = 0; e < E; e++) {
      long c = 0;
      for (int r = z.start[e]; r < z.start[e + 1]; r++) c += z.slot[r] >= 0;
      share[e] = (float)c / N;
    }
    (void)mean;
    for (int n = 0; n < N; n++) {
      float* o = dxn + (long)n * C;
      const float *r0 = dxr + (long)z.row[n * k] * C, *xm = z.mid + (long)n * C;
      for (int c = 0; c < C; c++) o[c] = r0[c];
      for (int j = 1; j < k; j++) {
        const float* r = dxr + (long)z.row[n * k + j] * C;
        for (int c = 0; c < C; c++) o[c] += r[c];
      }
      const float* p = z.probs + (long)n * E;
      float dlog[64], inner = 0, aux = 0;
      for (int j = 0; j < k; j++) inner += z.w[n * k + j] * dw[n * k + j];
      // The balance loss counts per token of the batch: scale by one over the texts' tokens is in balanceCoef.
      for (int e = 0; e < E; e++) aux += share[e] * p[e];
      for (int e = 0; e < E; e++) {
        dlog[e] = w.balanceCoef * E * p[e] * (share[e] - aux) + w.zCoef * 2 * z.lse[n] * p[e];
      }
      for (int j = 0; j < k; j++) {
        int r = z.row[n * k + j], e = 0;
        while (z.start[e + 1] <= r) e++;
        dlog[e] += z.w[n * k + j] * (dw[n * k + j] - inner);
      }
      float q = z.rstd2[n];
      for (int e = 0; e < E; e++) {
        const float* re = router + (long)e * C;
        float* dr = drouter + (long)e * C;
        float d = dlog[e];
        for (int c = 0; c < C; c++) {
          o[c] += d * re[c];
          dr[c] += d * xm[c] * q * n2[c];
        }
      }
    }
    rmsBackward(z.mid, n2, z.rstd2, dxn, dx, grd(w, l, NORM2), N, C);
    // Attention.
    toBf(dx, db, (long)Np * C);
    gemm(db, C, pk.oG, doF, Q, Np, Q, C, false);
    toBf(doF, dob, (long)N * Q);
    transpose(db, C, Np, Np, C, tA);
    packColumns(z.o, Q, Np, Np, Q, pB);
    gemm(tA, Np, pB, grd(w, l, WO), Q, C, Q, Np, true);
    attentionBackward(w, z, dob, dqkv, at, len, texts, a);
    const float *qn = par(w, l, QN), *kn = par(w, l, KN);
    float *dqn = grd(w, l, QN), *dkn = grd(w, l, KN), down = 1 / sqrtf(D);
    for (int n = 0; n < N; n++) {
      const float *c = w.cosT + (long)pos[n] * half, *sn = w.sinT + (long)pos[n] * half;
      for (int h = 0; h < H + K; h++) {
        float* d = dqkv + (long)n * W + h * D;
        const float* r = z.qkv + (long)n * W + h * D;
        const float* g = h < H ? qn : kn;
        float* dg = h < H ? dqn : dkn;
        float rs = z.rstdH[(long)n * (H + K) + h], m = h < H ? down : 1, t[256], sum = 0;
        for (int j = 0; j < half; j++) {
          t[j] = (d[j] * c[j] + d[j + half] * sn[j]) * m;
          t[j + half] = (d[j + half] * c[j] - d[j] * sn[j]) * m;
        }
        for (int j = 0; j < D; j++) {
          dg[j] += t[j] * r[j] * rs;
          t[j] *= g[j];
          sum += t[j] * r[j];
        }
        sum *= rs * rs * rs / D;
        for (int j = 0; j < D; j++) d[j] = t[j] * rs - r[j] * sum;
      }
    }
    toBf(dqkv, dqkvb, (long)Np * W);
    transpose(dqkvb, W, Np, Np, W, tA);
    packColumns(z.a1, C, Np, Np, C, pB);
    gemm(tA, Np, pB, grd(w, l, WQ), C, W, C, Np, true);  // q, k and v lie behind each other
    gemm(dqkvb, W, pk.qkvG, dxn, C, Np, C, W, false);
    rmsBackward(z.x, par(w, l, NORM1), z.rstd1, dxn, dx, grd(w, l, NORM1), N, C);
  }
  for (int n = 0; n < N; n++) {
    float* g = w.g + s.embed + (long)ids[n] * C;
    for (int c = 0; c < C; c++) g[c] += dx[(long)n * C + c];
  }
}

static void* work(void* pointer) {
  Worker& w = *(Worker*)pointer;
  useTiles();
  const int* ids = w.ids;
  const float* weights = w.weights;
  int* best = w.best;
  for (int t = 0; t < w.texts;) {
    int n = 0, e = t;
    while (e < w.texts && (e == t || n + w.lengths[e] <= w.micro)) n += w.lengths[e++];
    w.longest = 0;
    for (int i = t; i < e; i++) w.longest = w.lengths[i] > w.longest ? w.lengths[i] : w.longest;
    microBatch(w, ids, weights, w.lengths + t, e - t, best);
    ids += n;
    weights += n;
    if (best) best += n;
    t = e;
  }
  return 0;
}

struct Trainer {
  Shape s;
  Packed packed[32];
  bf *headF, *headG;
  Worker workers[2];
  int threads;
  float *cosT, *sinT;
};

extern "C" Trainer* trainer(const int* numbers, const float* reals, const long* offsets, int threads, int longest, long arenaBytes) {
  Trainer* t = (Trainer*)calloc(1, sizeof(Trainer));
  Shape& s = t->s;
  int* into[] = {&s.L, &s.C, &s.H, &s.K, &s.D, &s.E, &s.I, &s.V, &s.topk};
  for (int i = 0; i < 9; i++) *into[i] = numbers[i];
  s.eps = reals[0];
  s.theta = reals[1];
  s.embed = offsets[0];
  s.head = offsets[1];
  s.norm = offsets[2];
  for (int l = 0; l < s.L; l++)
    for (int i = 0; i < 11; i++) s.layer[l][i] = offsets[3 + l * 11 + i];
  s.size = offsets[3 + s.L * 11];
  auto room = [](long n) { return (bf*)aligned_alloc(64, (n * 2 + 63) / 64 * 64); };
  int W = (s.H + 2 * s.K) * s.D;
  for (int l = 0; l < s.L; l++) {
    Packed& p = t->packed[l];
    p.qkvF = room((long)W * s.C);
    p.qkvG = room((long)W * s.C);
    p.oF = room((long)s.H * s.D * s.C);
    p.oG = room((long)s.H * s.D * s.C);
    p.guF = room((long)s.E * 2 * s.I * s.C);
    p.guG = room((long)s.E * 2 * s.I * s.C);
    p.downF = room((long)s.E * s.I * s.C);
    p.downG = room((long)s.E * s.I * s.C);
  }
  t->headF = room((long)s.V * s.C);
  t->headG = room((long)s.V * s.C);
  int half = s.D / 2;
  t->cosT = (float*)malloc((long)longest * half * 4);
  t->sinT = (float*)malloc((long)longest * half * 4);
  for (int p = 0; p < longest; p++)
    for (int j = 0; j < half; j++) {
      float inverse = (float)(1.0 / pow(s.theta, 2.0 * j / s.D));
      float angle = (float)p * inverse;
      t->cosT[(long)p * half + j] = cos((double)angle);
      t->sinT[(long)p * half + j] = sin((double)angle);
    }
  t->threads = threads;
  for (int i = 0; i < threads; i++) {
    Worker& w = t->workers[i];
    w.s = &s;
    w.packed = t->packed;
    w.headF = t->headF;
    w.headG = t->headG;
    w.cosT = t->cosT;
    w.sinT = t->sinT;
    w.arena.size = arenaBytes;
    w.arena.base = (char*)aligned_alloc(64, arenaBytes);
    w.g = (float*)aligned_alloc(64, (s.size * 4 + 63) / 64 * 64);
  }
  return t;
}

static void packWeights(Trainer* t, const float* p) {
  Shape& s = t->s;
  bf* b = (bf*)malloc(s.size * 2);
  toBf(p, b, s.size);
  int W = (s.H + 2 * s.K) * s.D, Q = s.H * s.D, C = s.C, I = s.I;
  for (int l = 0; l < s.L; l++) {
    Packed& k = t->packed[l];
    const bf *wq = b + s.layer[l][WQ], *wo = b + s.layer[l][WO];
    packRows(wq, C, W, C, k.qkvF);
    packColumns(wq, C, W, W, C, k.qkvG);
    packRows(wo, Q, C, Q, k.oF);
    packColumns(wo, Q, C, C, Q, k.oG);
    for (int e = 0; e < s.E; e++) {
      const bf *gu = b + s.layer[l][GATE_UP] + (long)e * 2 * I * C, *dn = b + s.layer[l][DOWN] + (long)e * I * C;
      packRows(gu, C, 2 * I, C, k.guF + (long)e * 2 * I * C);
      packColumns(gu, C, 2 * I, 2 * I, C, k.guG + (long)e * 2 * I * C);
      packRows(dn, I, C, I, k.downF + (long)e * I * C);
      packColumns(dn, I, C, C, I, k.downG + (long)e * I * C);
    }
  }
  packRows(b + s.head, C, s.V, C, t->headF);
  packColumns(b + s.head, C, s.V, s.V, C, t->headG);
  free(b);
}

// Texts behind each other; weights[i] is how much the prediction of token i counts. Gradients are added to `grads`
// (null: none are made, and the likeliest token of each counted place goes to `best`).
// results: loss, balance, right, counted, then the load of each layer's experts.
extern "C" void batch(Trainer* t, const float* params, float* grads, const int* ids, const float* weights, const int* lengths,
                      int texts, float scale, float balanceCoef, float zCoef, int micro, int* best, double* results) {
  Shape& s = t->s;
  packWeights(t, params);
  long total = 0;
  for (int i = 0; i < texts; i++) total += lengths[i];
  // Every second text to each worker keeps lengths alike, but texts must be contiguous: cut at half the tokens.
  int from = 0;
  long fromToken = 0;
  pthread_t threads[2];
  for (int i = 0; i < t->threads; i++) {
    Worker& w = t->workers[i];
    long want = total * (i + 1) / t->threads, token = fromToken;
    int to = from;
    while (to < texts && (i == t->threads - 1 || token < want)) token += lengths[to++];
    w.p = params;
    w.ids = ids + fromToken;
    w.weights = weights + fromToken;
    w.lengths = lengths + from;
    w.texts = to - from;
    w.micro = micro;
    w.scale = scale;
    w.balanceCoef = balanceCoef / total / s.L;
    w.zCoef = zCoef / total / s.L;
    w.loss = w.balance = w.right = w.counted = 0;
    memset(w.load, 0, sizeof w.load);
    w.evaluate = grads == 0;
    w.best = best ? best + fromToken : 0;
    if (grads) memset(w.g, 0, s.size * 4);
    from = to;
    fromToken = token;
  }
  for (int i = 1; i < t->threads; i++) pthread_create(&threads[i], 0, work, &t->workers[i]);
  work(&t->workers[0]);
  for (int i = 1; i < t->threads; i++) pthread_join(threads[i], 0);
  for (int i = 0; i < 4 + s.L * s.E; i++) results[i] = 0;
  for (int i = 0; i < t->threads; i++) {
    Worker& w = t->workers[i];
    if (grads)
      for (long j = 0; j < s.size; j++) grads[j] += w.g[j];
    results[0] += w.loss;
    results[1] += w.balance / total;
    results[2] += w.right;
    results[3] += w.counted;
    for (int l = 0; l < s.L; l++)
      for (int e = 0; e < s.E; e++) results[4 + l * s.E + e] += w.load[l][e];
  }
}

// AdamW in one pass; gradients are scaled first. `decay` is per parameter group: none here but by `lambda`.
extern "C" void adam(float* p, const float* g, float* m, float* v, long n, float lr, float b1, float b2, float eps, float scale, int step) {
  float c1 = 1 - powf(b1, step), c2 = 1 - powf(b2, step);
  for (long i = 0; i < n; i++) {
    float q = g[i] * scale;
    m[i] = b1 * m[i] + (1 - b1) * q;
    v[i] = b2 * v[i] + (1 - b2) * q * q;
    p[i] -= lr * (m[i] / c1) / (sqrtf(v[i] / c2) + eps);
  }
}
