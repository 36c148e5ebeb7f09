// Prints the text of CHANGELOG.md for the version that a tag names: node scripts/release/notes.ts v0.2.0
// Exits with code 1 if the tag does not match the version in package.json, or the version has no date.
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
