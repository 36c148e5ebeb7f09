// node lab/nodes/enclosed.ts -- COMMAND [ARGUMENT…]
// Runs the command inside an enclosure (see enclosure/enclosure.ts) and exits with its status, or with 77 after one line that says
// what is missing if real nodes cannot run here.

import { RealNodesNeed } from './enclosure/needs.ts';
import { runEnclosed } from './enclosure/run-enclosed.ts';

/** As in Automake: the test was skipped. */
const SKIPPED = 77;

const [dashes, ...command] = process.argv.slice(2);
if (dashes !== '--' || command.length === 0) {
  process.stderr.write('usage: node lab/nodes/enclosed.ts -- COMMAND [ARGUMENT…]\n');
  process.exit(2);
}
try {
  process.exitCode = await runEnclosed(command);
} catch (error) {
  if (!(error instanceof RealNodesNeed)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = SKIPPED;
}
