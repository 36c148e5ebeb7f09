import type { Page } from 'playwright-core';

/** What can be checked automatically: one sentence for each problem. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  return await page.evaluate<string[]>(CHECKS);
}

/** Runs in the page, where there are no types. Contrast by WCAG 2.2, 1.4.3: 4.5 for text of any size. */
const CHECKS = `(() => {
  const problems = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const describe = (element) => element.outerHTML.slice(0, 100);
  const must = (good, sentence) => good || problems.push(sentence);
  must(document.documentElement.lang, 'the page has no language');
  must(document.title, 'the page has no title');
  for (const landmark of ['header', 'main']) {
    must(all('body > ' + landmark).length === 1, 'there is not one ' + landmark);
  }
  must(all('h1').length === 1, 'there is not one h1');
  let level = 0;
  for (const heading of all('h1,h2,h3,h4,h5,h6').filter(visible)) {
    const next = Number(heading.tagName[1]);
    must(next <= level + 1, 'a level is left out before ' + describe(heading));
    must(heading.textContent.trim(), 'empty heading ' + describe(heading));
    level = next;
  }
  const ids = all('[id]').map(({ id }) => id);
  must(new Set(ids).size === ids.length, 'an id is there twice');
  for (const element of all('[aria-labelledby],[aria-describedby]')) {
    for (const name of ['aria-labelledby', 'aria-describedby']) {
      const id = element.getAttribute(name);
      must(id === null || document.getElementById(id), name + ' of nothing: ' + describe(element));
    }
  }
  for (const input of all('input,select,textarea')) {
    must(input.labels.length > 0 && input.labels[0].textContent.trim(), 'no label: ' + describe(input));
  }
  for (const button of all('button,a')) must(button.textContent.trim(), 'no name: ' + describe(button));
  for (const section of all('section')) {
    must(section.hasAttribute('aria-labelledby'), 'a section without a name: ' + describe(section));
  }
  must(all('[tabindex]').every(({ tabIndex }) => tabIndex <= 0), 'a tabindex above 0');
  must(all('th').every(({ scope }) => scope), 'a th without scope');
  must(all('table').every(({ caption }) => caption), 'a table without caption');
  must(all('ul,ol').every(({ children }) => [...children].every(({ tagName }) => tagName === 'LI')), 'a list of others than li');
  must(all('[aria-live=polite]').length === 1, 'there is not one polite live region');
  must(document.documentElement.scrollWidth <= innerWidth, 'the page scrolls sideways');

  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = rgba(colour).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return 'white';
  };
  for (const element of all('body *').filter(visible)) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText) continue;
    const [low, high] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    must(contrast >= 4.5, 'contrast ' + contrast.toFixed(2) + ': ' + describe(element));
  }
  return problems;
})()`;
