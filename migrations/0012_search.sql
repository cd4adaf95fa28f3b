-- How a search compares: NFKC with case folding (Unicode, section 3.13), as the program folds what is searched for
-- (`folded` in domain/src/text/folding.rs; a test compares the two). The column `search` of the catalogue stays as
-- it was, in lower case, so that both releases can write it while they share the database.

-- Not STRICT, so that the planner puts the expression itself in its place. The first two cases are there for speed:
-- a text of ASCII alone is in its form already, and so is one in NFKC without a character of the list.
CREATE FUNCTION search_form(lower_case text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN octet_length(lower_case) = char_length(lower_case) THEN lower_case
        WHEN lower_case IS NFKC NORMALIZED AND lower_case !~
            '[\u00ad\u00df\u0345\u034f\u03c2\u061c\u115f\u1160\u13f8-\u13fd\u17b4\u17b5\u180b-\u180f\u1c80-\u1c88\u1f80-\u1f87\u1f90-\u1f97\u1fa0-\u1fa7\u1fb2-\u1fb4\u1fb7\u1fc2-\u1fc4\u1fc7\u1ff2-\u1ff4\u1ff7\u200b-\u200f\u202a-\u202e\u2060-\u206f\uab70-\uabbf\ufe00-\ufe0f\ufeff\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
        THEN lower_case ELSE
        normalize(replace(translate(
            -- What shows nothing: Default_Ignorable_Code_Point.
            regexp_replace(normalize(lower_case, NFKD),
                '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]',
                '', 'g'),
            -- What is folded and not in lower case already, such as a final sigma or the capitals of compatibility
            -- forms. U+0345 is an iota.
            U&'\0345' || 'ABCDEFGHIJKLMNOPQRSTUVWXYZÆĦƎƐȢΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςϜᏸᏹᏺ'
                || 'ᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟ'
                || 'ꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿ',
            U&'\03b9' || 'abcdefghijklmnopqrstuvwxyzæħǝɛȣαβγδεζηθικλμνξοπρστυφχψωσϝᏰᏱᏲ'
                || 'ᏳᏴᏵвдосттъѣꙋᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏ'
                || 'ᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯ'),
            'ß', 'ss'), NFKC)
    END
$$;

-- The index of a search needs trigrams, from PostgreSQL's own extensions. The owner of a database may add this one.
-- Where it isn't installed or not allowed, a search reads the catalogue from its beginning, as before.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'no index for product search: %', SQLERRM;
END
$$;
