/** A command line or environment that cannot be run with. The message is one sentence; main exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
