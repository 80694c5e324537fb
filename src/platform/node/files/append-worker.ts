// The thread behind every AppendFile: writes and syncs here may block, the main thread never does. All messages that wait when a
// batch begins share one fdatasync per file (group commit). Self-contained: it runs as a script without the rest of the product.
import { existsSync, fdatasyncSync, writevSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';

export interface AppendTarget {
  readonly file: number;
  readonly fd: number;
  /** Name of the file in errors. */
  readonly name: string;
  /** A file that must still be there once the bytes are durable. */
  readonly guard?: string;
}

export interface AppendMessage extends AppendTarget {
  readonly id: number;
  /** One behind the other. */
  readonly pieces: readonly Uint8Array[];
}

export interface AppendReply {
  readonly done: readonly number[];
  readonly failed: readonly { readonly id: number; readonly message: string }[];
  readonly fenced: readonly { readonly id: number; readonly file: string; readonly guard: string }[];
}

// A file that failed once stays failed: after a lost fsync the kernel may report success for pages it has dropped.
const broken = new Map<number, string>();

function writeAll(fd: number, buffers: Uint8Array[]): void {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  while (rest.length > 0) {
    let written = writevSync(fd, rest.slice(0, 1024));
    let whole = 0;
    for (const buffer of rest) {
      if (buffer.length > written) break;
      written -= buffer.length;
      whole++;
    }
    rest = rest.slice(whole);
    const first = rest[0];
    if (first !== undefined && written > 0) rest[0] = first.subarray(written);
  }
}

/** Looked at after the sync: a newer owner removes the guard before it reads, so it has read what was durable while the guard stood. */
function missingGuard(messages: readonly AppendMessage[]): string | undefined {
  const guard = messages[0]?.guard;
  return guard === undefined || existsSync(guard) ? undefined : guard;
}

function commit(batch: readonly AppendMessage[]): AppendReply {
  const byFile = new Map<number, AppendMessage[]>();
  for (const message of batch) {
    const list = byFile.get(message.file);
    if (list === undefined) byFile.set(message.file, [message]);
    else list.push(message);
  }
  const done: number[] = [];
  const failed: { id: number; message: string }[] = [];
  const fenced: { id: number; file: string; guard: string }[] = [];
  for (const [file, messages] of byFile) {
    let problem = broken.get(file);
    const fd = messages[0]?.fd;
    if (problem === undefined && fd !== undefined) {
      try {
        writeAll(
          fd,
          messages.flatMap(({ pieces }) => pieces),
        );
        fdatasyncSync(fd);
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        broken.set(file, problem);
      }
    }
    const guard = problem === undefined ? missingGuard(messages) : undefined;
    for (const message of messages) {
      if (problem !== undefined) failed.push({ id: message.id, message: problem });
      else if (guard !== undefined) fenced.push({ id: message.id, file: message.name, guard });
      else done.push(message.id);
    }
  }
  return { done, failed, fenced };
}

function serve(port: MessagePort): void {
  port.on('message', (first: AppendMessage) => {
    const batch = [first];
    for (;;) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      batch.push(next.message as AppendMessage);
    }
    port.postMessage(commit(batch));
  });
}

if (parentPort !== null) serve(parentPort);
