/** A release that must not be made; the message says what to do about it. */
export class NotReady extends Error {}

/**
 * The text of CHANGELOG.md for the version that `tag` names.
 *
 * @param version - from package.json
 */
export function releaseNotes(changelog: string, tag: string, version: string): string {
  if (tag !== `v${version}`) {
    throw new NotReady(`The tag is ${tag}, and package.json says ${version}: tag the commit that says so`);
  }
  const heading = new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] – (.+)$`, 'm').exec(changelog);
  if (heading === null) throw new NotReady(`CHANGELOG.md has no section ${version}: write one`);
  const [line, date = ''] = heading;
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) {
    throw new NotReady(`CHANGELOG.md says that ${version} is ${date}: give it the date, as in 2027-01-31`);
  }
  const [section = ''] = changelog.slice(heading.index + line.length).split(/^## /m);
  return `${section.trim()}\n`;
}
