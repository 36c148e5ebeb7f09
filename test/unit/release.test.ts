import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { NotReady, releaseNotes } from '../../scripts/release/changelog.ts';
import { withVersion } from '../../scripts/release/versions.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { version } = JSON.parse(read('package.json'));

describe('the version', () => {
  test('of package, image, chart and overlays is one', () => {
    expect(versionsIn(read)).toEqual(everywhere(version));
  });

  test('is changed in all of them by one command', () => {
    const files = withVersion(read, '9.8.7-rc.1');
    expect(versionsIn((file) => files.get(file) ?? read(file))).toEqual(everywhere('9.8.7-rc.1'));
  });

  test('is the one that CHANGELOG.md begins with', () => {
    expect(/^## \[(.+)\] – /m.exec(read('CHANGELOG.md'))?.[1]).toBe(version);
  });

  function everywhere(one: string) {
    return Object.fromEntries(Object.keys(versionsIn(read)).map((place) => [place, one]));
  }
});

/** The versions by place, read the way the user of each file reads it. */
function versionsIn(from: (file: string) => string): Readonly<Record<string, unknown>> {
  const lock = JSON.parse(from('package-lock.json'));
  const chart = parse(from('deploy/helm/vservergroup-operator/Chart.yaml'));
  const deployment = parse(from('deploy/base/deployment.yaml'));
  const tagIn = (overlay: string) =>
    parse(from(`deploy/overlays/${overlay}/kustomization.yaml`)).images[0].newTag;
  return {
    package: JSON.parse(from('package.json')).version,
    lock: lock.version,
    'package in the lock': lock.packages[''].version,
    image: /^ARG VERSION=(.*)$/m.exec(from('Dockerfile'))?.[1],
    chart: chart.version,
    'image of the chart': chart.appVersion,
    'image of the base': deployment.spec.template.spec.containers[0].image.split(':')[1],
    ...Object.fromEntries(readdirSync(join(ROOT, 'deploy/overlays')).map((name) => [name, tagIn(name)])),
    'image that is built': /^IMAGE=\$REGISTRY\S+:(\S+)/m.exec(from('docs/image.md'))?.[1],
    'image that is pushed': /^docker push \S+:(\S+)/m.exec(from('docs/image.md'))?.[1],
    'image with the plugin': /^docker create \S+ \S+ \S+:(\S+)/m.exec(from('docs/plugin.md'))?.[1],
    'image in its generator': /^docker create \S+ \S+ \S+:(\S+)/m.exec(from('scripts/docs/plugin.ts'))?.[1],
    'image of the simulator': /slb-simulator:(\S+)/.exec(from('simulator/README.md'))?.[1],
    'issue form': /operator (\S+),/.exec(from('.github/ISSUE_TEMPLATE/bug.yml'))?.[1],
  };
}

describe('the notes of a release', () => {
  const changelog = `# Changelog

## [1.2.0] – 2027-01-31

### Added

- This.

## [1.1.0] – 2026-12-24

- That.
`;

  test('are the section of its version', () => {
    expect(releaseNotes(changelog, 'v1.2.0', '1.2.0')).toBe('### Added\n\n- This.\n');
    expect(releaseNotes(changelog, 'v1.1.0', '1.1.0')).toBe('- That.\n');
  });

  test.each([
    ['v1.2.1', '1.2.0', 'The tag is v1.2.1, and package.json says 1.2.0: tag the commit that says so'],
    ['1.2.0', '1.2.0', 'The tag is 1.2.0, and package.json says 1.2.0: tag the commit that says so'],
    ['v1.3.0', '1.3.0', 'CHANGELOG.md has no section 1.3.0: write one'],
  ])('are refused for %s when package.json says %s', (tag, packageVersion, message) => {
    expect(() => releaseNotes(changelog, tag, packageVersion)).toThrow(new NotReady(message));
  });

  test('are refused for what is not released yet', () => {
    const unreleased = changelog.replace('2027-01-31', 'unreleased');
    expect(() => releaseNotes(unreleased, 'v1.2.0', '1.2.0')).toThrow(
      'CHANGELOG.md says that 1.2.0 is unreleased: give it the date, as in 2027-01-31',
    );
  });
});

test('pages say that nothing is released for as long as the changelog has no date', () => {
  const released = /^## \[.+\] – \d{4}-\d\d-\d\d$/m.test(read('CHANGELOG.md'));
  const saying = {
    'RELEASE.md': 'Nothing has been released yet',
    'SECURITY.md': 'Nothing is released yet',
    'docs/api-policy.md': `Until ${version} is released`,
    'deploy/helm/vservergroup-operator/values.yaml': 'no image is published',
  };
  const said = Object.entries(saying).map(([page, words]) => [page, read(page).includes(words)]);
  expect(said).toEqual(Object.keys(saying).map((page) => [page, !released]));
});
