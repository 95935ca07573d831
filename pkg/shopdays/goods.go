package shopdays

// good is something that is sold.
type good struct {
	name  string
	price int64
	tax   string // code
}

// language is what a store's receipts are written in.
type language struct {
	shop, header, footer       []string
	goods                      []good
	people                     []string
	total, tax, cash, card     string
	change, quantity, returned string
	voided, cancelled, receipt string
	opened, closed             string
	cashIn, cashOut            []string
}

var japanese = language{
	shop:   []string{"駅前店", "本町店", "さくら通り店", "新宿西口店", "港南台店", "大阪梅田店", "札幌大通店", "博多店"},
	header: []string{"カフェ＆ベーカリー　麦の音", "領収証", "TEL 03-5550-0100", "登録番号 T1234567890123"},
	footer: []string{"毎度ありがとうございます", "※印は軽減税率対象商品です", "返品は7日以内にレシートをお持ちください"},
	people: []string{"佐藤 花子", "鈴木 一郎", "高橋 さくら", "田中 健", "伊藤 美咲", "渡辺 翔", "山本 葵", "中村 蓮"},
	total:  "合計", tax: "内消費税", cash: "現金", card: "クレジット", change: "お釣り", quantity: "点", returned: "返品", voided: "取消", cancelled: "取引中止",
	receipt: "レシート", opened: "開店", closed: "精算", cashIn: []string{"釣銭準備金", "両替入金"}, cashOut: []string{"売上金回収", "仕入代金支払", "両替出金"},
}

var english = language{
	shop:   []string{"Harbour Street", "Old Town", "Central Station", "Riverside"},
	header: []string{"The Sound of Wheat", "RECEIPT", "Tel. +81 3 5550 0100", "VAT No. T1234567890123"},
	footer: []string{"Thank you and see you soon", "* reduced rate", "Returns within 7 days with this receipt"},
	people: []string{"Ann Miller", "Bob Carter", "Chloé Dubois", "Dan O'Neill", "Eve Zhang", "François Roy"},
	total:  "Total", tax: "incl. tax", cash: "Cash", card: "Card", change: "Change", quantity: "pcs", returned: "RETURN", voided: "VOID", cancelled: "CANCELLED",
	receipt: "Receipt", opened: "Opened", closed: "Closed", cashIn: []string{"Float", "Change delivered"}, cashOut: []string{"Takings to safe", "Supplier paid", "Change out"},
}

func init() {
	japanese.goods = cross([]string{"おにぎり", "手巻おにぎり", "サンドイッチ", "ﾊﾝﾊﾞｰｶﾞｰ", "コーヒー", "カフェラテ", "緑茶", "抹茶ラテ", "ほうじ茶", "食パン", "メロンパン", "クロワッサン", "弁当", "サラダ", "プリン", "シュークリーム"},
		[]string{"鮭", "梅", "ツナマヨ", "明太子", "Ｍ", "Ｌ", "ホット", "アイス", "六枚切", "チョコ", "季節限定", "たまご", "特製", "北海道産"})
	english.goods = cross([]string{"Coffee", "Café Crème", "Flat White", "Green Tea", "Earl Grey", "Croissant", "Sandwich", "Bagel", "Muffin", "Salad", "Brownie", "Rye Bread"},
		[]string{"small", "large", "iced", "decaf", "ham & cheese", "blueberry", "sourdough", "vegan", "to go", "No. 7"})
}

// cross makes a good of every kind in every way, dearer and dearer.
func cross(kinds, ways []string) []good {
	var goods []good
	for i, kind := range kinds {
		for j, way := range ways {
			tax := "08"
			if (i+j)%4 == 0 {
				tax = "10"
			}
			goods = append(goods, good{kind + " " + way, int64(100 + 17*i + 23*j), tax})
		}
	}
	return goods
}
