/** The command line or environment is invalid. The message is one sentence; main exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
