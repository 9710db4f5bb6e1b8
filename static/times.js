// <time data-relative>: "3 hours ago", the exact moment as its title; renewed once a minute.
const names = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];

export function relative(moment, now) {
  const seconds = (moment - now) / 1000;
  for (const [unit, length] of units)
    if (Math.abs(seconds) >= length) return names.format(Math.trunc(seconds / length), unit);
  return seconds > 0 ? "in a moment" : "just now";
}

function renew() {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    element.title ||= element.textContent;
    element.textContent = relative(Date.parse(element.dateTime), Date.now());
  }
}
renew();
setInterval(renew, 60_000);
