// Distances of one query to four nodes by their codes. Every distance becomes an order-preserving u32 key (smaller = nearer), so that
// one search loop serves all of them. The configuration lives in globals: an instance belongs to one thread and one memory.
import { bf16One, f16One, f32One, pqSums } from './code-floats';
import { sq4Ip, sq4L2, sq6One, sq8Ip, sq8L2 } from './code-integers';
import {
  BF16_IP,
  BF16_L2,
  codeOf,
  codes,
  dim,
  F16_IP,
  F16_L2,
  F32_IP,
  F32_L2,
  mode,
  PQ_BIASED,
  SQ4_IP,
  SQ4_L2,
  SQ6_IP,
  SQ6_L2,
  SQ8_IP,
  SQ8_L2,
  stride,
} from './code-place';
import { floatKeys, ipKeys, sumsF, sumsI } from './code-sums';

/** The keys of four nodes, stored as four u32 at `out`. */
export function keys4(q: usize, i: u32, j: u32, k: u32, l: u32, out: usize): void {
  const a = codeOf(i),
    b = codeOf(j),
    c = codeOf(k),
    d = codeOf(l);
  switch (mode) {
    case SQ8_L2: {
      v128.store(out, sq8L2(q, a, b, c, d));
      break;
    }
    case SQ4_L2: {
      v128.store(out, sq4L2(q, a, b, c, d));
      break;
    }
    case SQ8_IP: {
      v128.store(out, ipKeys(sq8Ip(q, a, b, c, d)));
      break;
    }
    case SQ4_IP: {
      v128.store(out, ipKeys(sq4Ip(q, a, b, c, d)));
      break;
    }
    case SQ6_L2: {
      v128.store(
        out,
        sumsI(sq6One(q, a, false), sq6One(q, b, false), sq6One(q, c, false), sq6One(q, d, false)),
      );
      break;
    }
    case SQ6_IP: {
      v128.store(
        out,
        ipKeys(sumsI(sq6One(q, a, true), sq6One(q, b, true), sq6One(q, c, true), sq6One(q, d, true))),
      );
      break;
    }
    case F32_L2: {
      v128.store(
        out,
        floatKeys(sumsF(f32One(q, a, false), f32One(q, b, false), f32One(q, c, false), f32One(q, d, false))),
      );
      break;
    }
    case F32_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(sumsF(f32One(q, a, true), f32One(q, b, true), f32One(q, c, true), f32One(q, d, true))),
        ),
      );
      break;
    }
    case F16_L2: {
      v128.store(
        out,
        floatKeys(sumsF(f16One(q, a, false), f16One(q, b, false), f16One(q, c, false), f16One(q, d, false))),
      );
      break;
    }
    case F16_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(sumsF(f16One(q, a, true), f16One(q, b, true), f16One(q, c, true), f16One(q, d, true))),
        ),
      );
      break;
    }
    case BF16_L2: {
      v128.store(
        out,
        floatKeys(
          sumsF(bf16One(q, a, false), bf16One(q, b, false), bf16One(q, c, false), bf16One(q, d, false)),
        ),
      );
      break;
    }
    case BF16_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(
            sumsF(bf16One(q, a, true), bf16One(q, b, true), bf16One(q, c, true), bf16One(q, d, true)),
          ),
        ),
      );
      break;
    }
    default: {
      v128.store(out, floatKeys(pqSums(q, a, b, c, d, mode == PQ_BIASED)));
      break;
    }
  }
}

/** Loads a byte of each line of the nodes' codes, so that their cache misses overlap: WASM has no prefetch. */
export function touch(ids: usize, count: i32): void {
  const base = codes,
    step = stride,
    reach = min<usize>(step, 1024);
  for (let i = 0; i < count; i++) {
    const p = base + <usize>load<u32>(ids + ((<usize>i) << 2)) * step;
    for (let at: usize = 0; at < reach; at += 64) load<u8>(p + at);
  }
}

/** The same for one node. */
@inline export function touchCode(id: u32): void {
  const p = codeOf(id),
    reach = min<usize>(stride, 1024);
  for (let at: usize = 0; at < reach; at += 64) load<u8>(p + at);
}

/** The query form of a stored 8-bit code, for building: the code itself in int16. Other modes have no such form. */
export function asQuery(id: u32, out: usize): usize {
  if (mode == F32_L2 || mode == F32_IP) return codeOf(id);
  let p = codeOf(id),
    o = out;
  const end = p + dim;
  while (p < end) {
    v128.store(o, v128.load_ext<i8>(p));
    p += 8;
    o += 16;
  }
  return out;
}

/** The keys of listed nodes (u32 at `ids`, with room for three more behind the last) as u32 to `out`, room for a multiple of four. */
export function keysOfAll(q: usize, ids: usize, count: i32, out: usize): void {
  if (count == 0) return;
  const p = ids + ((<usize>count) << 2),
    last = load<u32>(p - 4);
  store<u32>(p, last);
  store<u32>(p, last, 4);
  store<u32>(p, last, 8);
  for (let i = 0; i < count; i += 4) {
    const at = ids + ((<usize>i) << 2);
    if ((i & 15) == 0) touch(at, min(16, count - i));
    keys4(q, load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12), out + ((<usize>i) << 2));
  }
}
