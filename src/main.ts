import { CREDENTIALS_HELP } from './alibaba/credentials/credential-providers.ts';
import { ConfigError, helpText, readCommand } from './config.ts';
import { KubeConfigError } from './kubernetes/client/kubeconfig.ts';
import { createLogger } from './observability/logger.ts';
import { runOperator } from './operator.ts';
import { version } from './version.ts';

/** Exit codes: 0 stopped as requested, 1 failed, 2 invalid flags or variables. */
async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2), process.env);
  if (command.action !== 'run') {
    process.stdout.write(`${command.action === 'help' ? helpText(CREDENTIALS_HELP) : version}\n`);
    return 0;
  }
  const { config } = command;
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  try {
    await runOperator(config, logger, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    if (isUsersMatter(error)) throw error;
    logger.error('The operator ends', { error });
    return 1;
  }
}

function isUsersMatter(error: unknown): error is ConfigError | KubeConfigError {
  return error instanceof ConfigError || error instanceof KubeConfigError;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`${isUsersMatter(error) ? error.message : String(error)}\n`);
    process.exitCode = isUsersMatter(error) ? 2 : 1;
  },
);
