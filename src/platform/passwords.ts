// Passwords: hashes that are slow to guess, and digests that say nothing of what they are of. Slow work never runs on the calling thread.
export interface Passwords {
  /** A bcrypt hash with a salt of its own. @throws queue_full when too much of this is under way */
  hash(password: string): Promise<string>;
  /** Whether the hash is one of the password; false for what is no hash. @throws queue_full */
  verify(password: string, hash: string): Promise<boolean>;
  /** Equal for equal texts, and only within this process: the key is drawn when it starts. */
  digest(text: string): string;
}
