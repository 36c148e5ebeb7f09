// On a new machine Jest has no times of earlier runs, and starts the biggest files first. These take longest, whatever their size:
// one that started last would run for minutes on its own.
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST = [
  'programs/commands',
  'membership/random-operations',
  'faults/clock-jumps',
  'programs/tutorial',
  'webhook/webhook',
  'readiness/healthy',
  'faults/reflector',
  'faults/crash',
  'alive/refusals',
  'alive/nodes',
  'readiness/never-stuck',
  'faults/api-faults',
].map((name) => join(__dirname, `../test/e2e/${name}.test.ts`));

const gone = LONGEST.filter((file) => !existsSync(file));
if (gone.length > 0) throw new Error(`${__filename} names ${gone.join(', ')}, which is gone`);

module.exports = class extends Sequencer {
  sort(tests) {
    const rank = ({ path, duration }) => {
      const place = LONGEST.indexOf(path);
      return place < 0 || duration !== undefined ? LONGEST.length : place;
    };
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
};
