import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BundledPackage, idOf } from './bundled-packages.ts';

const root = join(import.meta.dirname, '../..');

/** Includes the notices that the Apache licence requires to be passed on. */
const LEGAL_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

const RULE = '='.repeat(80);

/** https://spdx.org/licenses/MIT.html, for packages that name this licence but do not include its text. */
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Name, version, licence and licence text of each package, which must accompany a copy of its code. */
export function thirdPartyLicenses(packages: readonly BundledPackage[]): string {
  const sections = packages.map((one) => {
    const heading = `${RULE}\n${idOf(one)}, ${one.license}\n${RULE}`;
    return `${heading}\n\n${licenseText(one)}\n`;
  });
  return `Code of these packages is in the programs that this file comes with.\n\n${sections.join('\n')}`;
}

function licenseText(one: BundledPackage): string {
  const { folder, license, author } = one;
  const files = readdirSync(join(root, folder)).filter((name) => LEGAL_FILE.test(name));
  if (files.length > 0) {
    return files
      .sort()
      .map((file) => readFileSync(join(root, folder, file), 'utf8').trim())
      .join('\n\n');
  }
  const holder = typeof author === 'string' ? author : author?.name;
  if (license !== 'MIT' || holder === undefined) {
    throw new Error(`${idOf(one)} brings no text of its licence (${license})`);
  }
  return `The package brings no text of its own. Copyright ${holder}\n\n${MIT}`;
}
