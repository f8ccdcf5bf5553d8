// docs/dependencies.md says the truth, what runs was declared, and nobody's licence stands in the way.

import { describe, expect, it } from 'vitest';
import { outsideImports } from './floors.ts';
import { readSources, readText } from './sources.ts';

type Versions = Readonly<Record<string, string>>;
interface LockedPackage {
  readonly license?: string;
  readonly dev?: boolean;
}

const manifest = JSON.parse(readText('package.json')) as {
  readonly dependencies: Versions;
  readonly optionalDependencies: Versions;
  readonly devDependencies: Versions;
};
const atRunTime = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)];
const all = [...atRunTime, ...Object.keys(manifest.devDependencies)];

/** The page's rows: each package with the licence it is said to have. */
const rows = readText('docs/dependencies.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => {
    const [, names = '', licence = ''] = line.split('|');
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => ({ name: name!, licence: licence.trim() }));
  });

/** Licences that ask for no more than what Apache-2.0 OR MIT gives. */
const COMPATIBLE =
  /^\(?(Apache-2\.0|MIT|ISC|BSD-2-Clause|BSD-3-Clause|0BSD|CC0-1\.0)( OR (Apache-2\.0|MIT|CC0-1\.0))?\)?$/;

describe('the dependencies', () => {
  it('are all on the page, and no others', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...all].sort());
  });

  it('have the licences that the page says', () => {
    for (const { name, licence } of rows) {
      const { license } = JSON.parse(readText(`node_modules/${name}/package.json`)) as { license: string };
      expect(licence.split(',')[0], name).toBe(license);
    }
  });

  it('that draw examples for tests draw them from one seed', () => {
    const direct = [...readSources('test')].filter(([, source]) => /^import .*'fast-check'/m.test(source));
    expect(direct.map(([file]) => file)).toEqual(['test/property.ts']);
  });

  it('are pinned', () => {
    const versions = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies];
    for (const version of versions.flatMap(Object.values)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('that run with skein, with all they bring along, have compatible licences', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as {
      readonly packages: Readonly<Record<string, LockedPackage>>;
    };
    const running = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
    expect(running.length).toBeGreaterThan(atRunTime.length);
    const others = running.filter(([, { license = 'none' }]) => !COMPATIBLE.test(license));
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });

  it('are declared for users wherever the program imports them', () => {
    const imported = [...readSources('src', 'peers')].flatMap(([file, source]) =>
      outsideImports(file, source).map((from) => ({ file, name: packageOf(from) })),
    );
    expect(imported.map(({ name }) => name)).toContain('libp2p');
    expect(imported.filter(({ name }) => !name.startsWith('node:') && !atRunTime.includes(name))).toEqual([]);
  });
});

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}
