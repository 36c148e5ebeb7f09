import type { Clock } from '../clock.ts';
import { ConfigError } from '../config.ts';
import type { Logger } from '../observability/logger.ts';
import { type KeyPair, readKeyPair, TlsFilesError, watchKeyPair } from '../observability/tls-files.ts';

export interface MountedKeyPairOptions {
  readonly dir: string;
  /** The flag that names the folder. */
  readonly flag: string;
  /** Whose certificate it is, for the log. */
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export interface MountedKeyPair {
  readonly first: KeyPair;
  /** Calls back with each pair that is mounted later, until the returned function is called. */
  follow(onChange: (pair: KeyPair) => void): () => void;
}

/** Rejects with a ConfigError when the certificate cannot be used. */
export async function mountedKeyPair({
  dir,
  flag,
  what,
  clock,
  logger,
}: MountedKeyPairOptions): Promise<MountedKeyPair> {
  const first = await firstKeyPair(dir, flag);
  const follow = (onChange: (pair: KeyPair) => void) =>
    watchKeyPair({
      dir,
      clock,
      current: first,
      onChange: (next) => {
        onChange(next);
        logger.info(`The certificate of the ${what} was replaced`, { dir });
      },
      onFailure: (error) =>
        logger.warn(`The new certificate of the ${what} cannot be read; the previous one stays`, {
          dir,
          error,
        }),
    });
  return { first, follow };
}

async function firstKeyPair(dir: string, flag: string): Promise<KeyPair> {
  try {
    return await readKeyPair(dir);
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    throw new ConfigError(
      `${flag}: received ${JSON.stringify(dir)}, expected a directory with tls.crt and tls.key: ${error.message}`,
    );
  }
}
