-- What Pandoc's HTML lacks: MathML with TeX's spaces and brackets, no line break between a formula and its punctuation,
-- inside of short inline code or between a number and its unit, and cells that are wide enough. `_quarto.yml` names this
-- filter.
local SHORT, PROSE = 24, 40 -- characters of code that stays on one line; of a cell that needs width
local OPERAND = 6 -- characters beside a sign, as in λ = 0, that stay with it

local function set_of(words)
  local set = {}
  for word in words:gmatch("%S+") do
    set[word] = true
  end
  return set
end

local UNITS = set_of("% B kB KB MB GB TB KiB MiB GiB kB/s MB/s GB/s ns µs μs ms s seconds minutes hours days weeks months "
  .. "second minute hour day week month thousand million billion bytes bits nats tokens tokens/s steps GPUs FLOPs MFLOPs GFLOPs")
local COUNTED = set_of("table tables figure figures section sections equation equations notebook notebooks exercise chapter step")
local ENDINGS = set_of("ipynb py json jsonl txt") -- of files
local SIGNS = set_of("= ± ×")

local function nowrap(content)
  return pandoc.Span(content, pandoc.Attr("", { "nowrap" }))
end

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- Pandoc stretches every bracket; here only those around something tall, and in a line of text none
local function brackets(tree, inline)
  local open, low = {}, {}
  for start, form in tree:gmatch('()<mo stretchy="true" form="(%a+)"') do
    if form == "prefix" then
      table.insert(open, start)
    elseif form == "postfix" and #open > 0 then
      local first = table.remove(open)
      local inside = tree:sub(first, start)
      if not (inside:find("<mfrac>") or inside:find("<m%a*under") or inside:find("<mtable")) then
        low[first], low[start] = true, true
      end
    end
  end
  return (tree:gsub('()(<mo stretchy=)"true"', function(start, tag)
    return (inline or low[start]) and tag .. '"false"' or nil
  end))
end

local function formula(math)
  local display = math.mathtype == "DisplayMath"
  local html = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ math }) }), "html", { html_math_method = "mathml" })
  local tree, annotation = html:match("^(.-)(<annotation.*)$")
  if not tree then -- TeX that Pandoc does not know
    return math
  end
  tree = brackets(tree, not display)
  tree = tree:gsub("<mo>ℓ</mo>", "<mi>ℓ</mi>")
  tree = tree:gsub('minsize="([%d.]+)" maxsize="[%d.]+" stretchy="false"', 'minsize="%1em" maxsize="%1em" stretchy="true"') -- \Big
  -- \mathrm{gelu}: one name, not four variables
  tree = tree:gsub('<mrow>(<mi mathvariant="normal">%a</mi><mi mathvariant="normal">.-)</mrow>', function(letters)
    local name, count = letters:gsub('<mi mathvariant="normal">(%a)</mi>', "%1")
    return count > 1 and name:match("^%a+$") and "<mi>" .. name .. "</mi>" or nil
  end)
  -- \ln: a thin space around it, none beside a bracket, another operator or the end
  tree = tree:gsub("<mo>(%a%a+)</mo>", '<mo lspace="0" rspace="0.167em">%1</mo>')
  tree = tree:gsub("(</m[insfur][^>]*>)(<mo lspace=)\"0\"", '%1%2"0.167em"')
  tree = tree:gsub('rspace="0.167em">(%a+</mo><m[or][^>]*>[%(%[{])', 'rspace="0">%1')
  tree = tree:gsub('rspace="0.167em">(%a+</mo><mrow><mo [^>]*form="prefix">)', 'rspace="0">%1')
  tree = tree:gsub('rspace="0.167em">(%a+</mo></mrow>)', 'rspace="0">%1'):gsub('rspace="0.167em">(%a+</mo>)$', 'rspace="0">%1')
  html = tree .. annotation
  return pandoc.RawInline("html", display and '<span class="formula">' .. html .. "</span>" or html)
end

local function code(element)
  local text = element.text
  if #element.classes > 0 or element.identifier ~= "" then
    return element
  elseif utf8.len(text) <= SHORT then
    element.classes:insert("nowrap")
    return element
  end
  local words = text:gsub("[^ ]+", function(word)
    if utf8.len(word) > SHORT then -- breaks at dots, at underscores only in a part that is still long
      return (escaped(word):gsub("[%w%)%]_][./]+%f[%w_]", "%0\0"):gsub("%Z+", function(part)
        return utf8.len(part) > SHORT and part:gsub("%w_+%f[%w]", "%0\0") or nil
      end):gsub("%.%z(%l+)$", function(ending)
        return ENDINGS[ending] and "." .. ending or nil
      end):gsub("%z", "<wbr>"))
    end
    return word:find("-", 1, true) and '<span class="nowrap">' .. escaped(word) .. "</span>" or escaped(word)
  end)
  return pandoc.RawInline("html", "<code>" .. words .. "</code>")
end

local function is_inline_math(element)
  return element.t == "Math" and element.mathtype == "InlineMath"
end

-- GPT-1, STS-B, 32-bit, 2.5e-4: names and numbers that stay on one line
local function name(element)
  local text = element.text
  local joined = text:find("%u%w*%-%d") or text:find("%u%-%u") or text:find("^%W*%d+%-bit") or text:find("%de%-%d")
  return joined and utf8.len(text) <= SHORT and nowrap({ element }) or element
end

-- A word: what stands between two spaces; with a formula in it, it stays on one line
local function finished(word)
  local has_formula, length = false, 0
  for _, element in ipairs(word) do
    has_formula = has_formula or is_inline_math(element)
    if element.t == "Str" or element.t == "Code" then
      length = length + utf8.len(element.text)
    elseif element.t ~= "Math" then
      length = length + SHORT + 1
    end
  end
  local content = word:map(function(element)
    local mend = { Math = formula, Code = code, Str = name }
    return mend[element.t] and mend[element.t](element) or element
  end)
  if has_formula and #word > 1 and length <= SHORT then
    return pandoc.Inlines({ nowrap(content) })
  end
  return content
end

-- Whether a line must not break between two words: 3 MB, Table 5, λ = 0
local function together(left, right, is_first)
  if not (left and right and right.t == "Str" and (left.t == "Str" or is_inline_math(left))) then
    return false
  end
  local unit = right.text:gsub("[,.;:!?)]+$", "")
  if left.t == "Math" then
    return left.text:find("%d$") and UNITS[unit]
  end
  left, right = left.text, right.text
  return is_first and left:find("^%d%d$") -- 05 Data
    or left == "et" and right:find("^al%.")
    or left:find("%d$") and UNITS[unit]
    or COUNTED[left:gsub("^%(", ""):lower()] and right:find("^%d")
    or SIGNS[right] and utf8.len(left) <= OPERAND
    or SIGNS[left] and utf8.len(right) <= OPERAND
end

local function glue(inlines)
  local result, word = pandoc.Inlines({}), pandoc.Inlines({})
  for at, element in ipairs(inlines) do
    local is_space = element.t == "Space" or element.t == "SoftBreak"
    if is_space and together(inlines[at - 1], inlines[at + 1], at == 2) then
      word:insert(pandoc.Str("\u{a0}"))
    elseif is_space or element.t == "LineBreak" then
      result:extend(finished(word))
      result:insert(element)
      word = pandoc.Inlines({})
    else
      word:insert(element)
    end
  end
  result:extend(finished(word))
  return result
end

-- Cells with prose, which must not become narrow columns
local function mark_prose(table)
  local function mark(rows)
    for _, row in ipairs(rows) do
      for _, cell in ipairs(row.cells) do
        if utf8.len(pandoc.utils.stringify(cell.contents)) > PROSE then
          cell.attr.classes:insert("prose")
        end
      end
    end
  end
  for _, body in ipairs(table.bodies) do
    mark(body.body)
  end
  return table
end

function Pandoc(doc)
  if FORMAT:match("html") then
    doc.blocks = doc.blocks:walk({ Table = mark_prose }):walk({ Inlines = glue })
  end
  return doc
end
