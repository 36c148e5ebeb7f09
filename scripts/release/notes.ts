// Prints what CHANGELOG.md says of the version that a tag names: node scripts/release/notes.ts v0.2.0
// Refuses, with exit code 1, a tag that is not of the version in package.json, or a version without a date.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NotReady, releaseNotes } from './changelog.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8');
const [tag = ''] = process.argv.slice(2);

try {
  process.stdout.write(releaseNotes(read('CHANGELOG.md'), tag, JSON.parse(read('package.json')).version));
} catch (error) {
  if (!(error instanceof NotReady)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
