// Looks a page over as people meet it who have a phone, a keyboard, poor eyes or
// a screen reader, and returns what is wrong with it, one sentence each.
(() => {
  const wrong = [];
  const check = (ok, sentence) => { if (!ok) wrong.push(sentence); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (e) => `<${e.localName}> "${(e.innerText || e.value || e.alt || '').trim().slice(0, 40)}"`;

  check(all('h1').length === 1, `want one h1, have ${all('h1').length}`);
  check(all('h1').every((h) => h.innerText.trim()), 'the h1 is empty');
  check(document.documentElement.lang, 'the page has no language');
  check(document.title.trim(), 'the page has no title');
  check(document.compatMode === 'CSS1Compat', 'the page is in quirks mode');
  check(document.querySelector('meta[name=viewport]'), 'the page has no viewport for phones');
  check(all('main').length === 1, `want one main, have ${all('main').length}`);
  check(all('script').length === 0, 'the page has a script');

  const ids = all('[id]').map((e) => e.id);
  check(new Set(ids).size === ids.length, 'an id occurs twice');
  all('img').forEach((i) => check(i.hasAttribute('alt'), `${i.src} has no alt`));
  all('input:not([type=hidden]), select, textarea').forEach((i) => check(i.labels.length > 0, `${name(i)} has no label`));
  all('a[href], button').forEach((e) => check(e.innerText.trim() || e.ariaLabel, `${name(e)} has no text`));
  let level = 0;
  all('h1, h2, h3, h4').forEach((h) => {
    check(h.localName[1] - level <= 1, `${name(h)} skips a level`);
    level = Number(h.localName[1]);
  });

  // Width: nothing may stick out, not even into a parent that hides or scrolls it.
  const width = document.documentElement.clientWidth;
  check(document.documentElement.scrollWidth <= width, `the page is ${document.documentElement.scrollWidth} wide on a screen of ${width}`);
  all('body *').filter(visible).forEach((e) => {
    const { left, right } = e.getBoundingClientRect();
    check(left >= -0.5 && right <= width + 0.5, `${name(e)} sticks out: ${left} to ${right}`);
    check(e.scrollWidth <= e.clientWidth + 1 || getComputedStyle(e).display === 'inline', `the content of ${name(e)} is cut`);
  });

  // WCAG 2.2, 2.5.8 asks for 24 pixels; 44 suit thumbs. A label counts for its input.
  all('a[href], button, label').filter(visible).forEach((e) => {
    const { width: w, height: h } = e.getBoundingClientRect();
    check(h >= 24 && w >= 24, `${name(e)} is only ${Math.round(w)} by ${Math.round(h)}`);
    check(e.localName === 'label' || h >= 44, `${name(e)} is only ${Math.round(h)} high`);
  });

  // WCAG 1.4.3: contrast of text.
  const parse = (css) => {
    const n = css.match(/[\d.]+/g).map(Number);
    return { rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 };
  };
  const over = (top, under) => top.rgb.map((v, i) => v * top.alpha + under[i] * (1 - top.alpha));
  const ground = (e) => {
    const under = e.parentElement ? ground(e.parentElement) : [255, 255, 255];
    return over(parse(getComputedStyle(e).backgroundColor), under);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || !visible(e)) continue;
    const under = ground(e);
    const ratio = contrast(over(parse(getComputedStyle(e).color), under), under);
    check(ratio >= 4.5, `"${node.data.trim().slice(0, 40)}" has a contrast of ${ratio.toFixed(2)}`);
    const size = parseFloat(getComputedStyle(e).fontSize);
    check(size >= 12, `"${node.data.trim().slice(0, 40)}" is only ${size} pixels large`);
  }
  // WCAG 1.4.11: the edge of what can be pressed, unless it is filled.
  all('a[href], button').filter(visible).forEach((e) => {
    const s = getComputedStyle(e);
    const outside = ground(e.parentElement);
    const best = Math.max(contrast(ground(e), outside),
      parseFloat(s.borderTopWidth) ? contrast(over(parse(s.borderTopColor), outside), outside) : 1);
    check(best >= 3, `the edge of ${name(e)} has a contrast of ${best.toFixed(2)}`);
  });
  return [...new Set(wrong)];
})()
