// Which targets and releases a shard takes. Both carry a time from before it was read what is loaded, and messages come late, twice, and from a
// coordinator that was replaced:
//   1. A target is taken when it is not older than any that was taken, than a release, and than what was asked of segments in use.
//   2. A release is taken when it is not older than the target that is served. An older one was decided before what is served was loaded.
import { outdated } from './served-segment.js';

export class TargetVersions {
  #newest: bigint;
  #served = 0n;

  /** @param newest older targets may lack what the owner before this one flushed */
  constructor(newest: bigint) {
    this.#newest = newest;
  }

  /** Targets that are older are refused from now on. */
  refuseBefore(version: bigint): void {
    if (version > this.#newest) this.#newest = version;
  }

  /** @throws target_outdated the target is older than what is known */
  check(version: bigint): void {
    if (version < this.#newest)
      throw outdated(`version ${version} of the target is older than ${this.#newest}`);
  }

  /** It is served, or loaded, from now on. @throws target_outdated */
  take(version: bigint): void {
    this.check(version);
    this.#newest = version;
    this.#served = version;
  }

  /** @throws target_outdated what is served was loaded since */
  release(version: bigint): void {
    if (version < this.#served)
      throw outdated(`version ${version} of the release is older than the target ${this.#served}`);
    this.refuseBefore(version);
  }
}
