import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock, Timer } from '../clock.ts';
import { publishedFolder } from '../mounted-secret.ts';

/** PEM: the certificate with its intermediate certificates, and its private key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** The message is one sentence, and contains nothing from the files. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** Reads `tls.crt` and `tls.key` of a mounted Secret. Rejects with a TlsFilesError when a server cannot use them. */
export async function readKeyPair(dir: string): Promise<KeyPair> {
  const folder = await publishedFolder(dir);
  const read = async (name: string) => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (error) {
      throw new TlsFilesError(`${name} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  };
  const pair = { cert: await read('tls.crt'), key: await read('tls.key') };
  checkKeyPair(pair);
  return pair;
}

/** Throws a TlsFilesError when a server cannot use the pair. */
export function checkKeyPair({ cert, key }: KeyPair): void {
  // Without a certificate or key, Node makes a context that refuses every handshake.
  if (cert.trim() === '') throw new TlsFilesError('tls.crt is empty');
  if (key.trim() === '') throw new TlsFilesError('tls.key is empty');
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TlsFilesError(`tls.crt and tls.key are not a certificate and its key (${code})`);
  }
}

/** A rotated Secret reaches the files within a minute or so; this adds little to that. */
const RELOAD_MS = 10_000;

export interface KeyPairWatch {
  readonly dir: string;
  readonly clock: Clock;
  /** The pair in use. */
  readonly current: KeyPair;
  readonly onChange: (next: KeyPair) => void;
  /** The pair in use stays. Not called again while the reason stays the same. */
  readonly onFailure: (error: unknown) => void;
}

/** Looks for a new pair every ten seconds, until the returned function is called. */
export function watchKeyPair({ dir, clock, current, onChange, onFailure }: KeyPairWatch): () => void {
  let used = current;
  let told: string | undefined;
  let timer: Timer | undefined;
  let stopped = false;

  const look = async () => {
    try {
      const next = await readKeyPair(dir);
      told = undefined;
      if (stopped || (next.cert === used.cert && next.key === used.key)) return;
      onChange(next);
      used = next;
    } catch (error) {
      if (!stopped && String(error) !== told) onFailure(error);
      told = String(error);
    }
  };
  const schedule = () => {
    if (!stopped) timer = clock.setTimeout(() => void look().finally(schedule), RELOAD_MS);
  };
  schedule();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
